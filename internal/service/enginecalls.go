package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/logkey"
)

// Call writes one request to the workflow engine into this transaction. It is
// tried right after the commit and redelivered by the worker's loop until the
// engine has taken it. Calls of one target are delivered in the order they were
// written. DedupeID scopes the repeat: the attempt for a start, the consent
// session or campaign version for a signal, the decision for an update.
func (t *Tx) Call(kind domain.EngineCallKind, accountID, target, name, dedupeID string, message any) error {
	payload, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("engine call %s %s: %w", kind, name, err)
	}
	c := domain.EngineCall{
		ID: domain.NewID("call"), Kind: kind, AccountID: accountID, Target: target, Name: name, DedupeID: dedupeID,
		Traceparent: t.trace, Payload: payload, State: "waiting", NextAt: t.In(redeliverAfter),
		// A microsecond apart, so that calls of one command keep their order.
		CreatedAt: t.In(time.Duration(len(t.calls)) * time.Microsecond),
	}
	if err := t.EngineCalls().Insert(&c); err != nil {
		return err
	}
	t.calls = append(t.calls, c.ID)
	return nil
}

// redeliverAfter keeps the loop away from a call that its own command is still
// delivering.
const redeliverAfter = 10 * time.Second

// deliver tries the calls a command has just committed. A failure is not the
// command's: the rows stand and the loop goes on.
func (s *Service) deliver(ctx context.Context, ids []string) {
	if len(ids) == 0 || s.engine == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), updateWait)
	defer cancel()
	for _, id := range ids {
		if err := s.deliverOne(ctx, id); err != nil {
			s.logFor(ctx).Warn("the engine has not taken a call yet; it will be redelivered", zap.String(logkey.Call, id), zap.Error(err))
			return
		}
	}
}

// RedeliverCalls hands every overdue call to the engine, oldest first, and
// reports how many it took. A call that fails again waits longer, at most a
// minute; a target whose call failed is skipped for this round, so that order
// within a target holds.
func (s *Service) RedeliverCalls(ctx context.Context) (taken int, err error) {
	var due []domain.EngineCall
	err = s.store.Read(ctx, func(rows Rows) error {
		due, err = rows.EngineCalls().List(Query{
			Where: Where{"state": "waiting", "next_at <=": domain.At(s.now())}, Order: []string{"created_at", "id"}, Limit: 200,
		})
		return err
	})
	if err != nil {
		return 0, err
	}
	failed := map[string]bool{}
	for _, c := range due {
		if failed[c.Target] {
			continue
		}
		one, cancel := context.WithTimeout(ctx, updateWait)
		err := s.deliverOne(one, c.ID)
		cancel()
		if err != nil {
			failed[c.Target] = true
			s.logFor(under(ctx, c.Traceparent)).Warn("the engine has not taken a call yet", zap.String(logkey.Call, c.ID), zap.String(logkey.Target, c.Target), zap.Int(logkey.Attempts, c.Attempts+1), zap.Error(err))
			continue
		}
		taken++
	}
	return taken, ctx.Err()
}

// deliverOne delivers a call, after those that wait for the same target since
// longer: a signal must not overtake the start of its workflow.
func (s *Service) deliverOne(ctx context.Context, id string) error {
	var queue []domain.EngineCall
	err := s.store.Read(ctx, func(rows Rows) error {
		call, err := rows.EngineCalls().Get(id)
		if err != nil || call.State != "waiting" {
			return err
		}
		queue, err = rows.EngineCalls().List(Query{
			Where: Where{"state": "waiting", "target": call.Target, "created_at <=": call.CreatedAt}, Order: []string{"created_at", "id"},
		})
		return err
	})
	for _, call := range queue {
		if err := s.handOver(ctx, call); err != nil {
			return err
		}
	}
	return err
}

// handOver delivers one call and records the outcome. Delivering twice is
// harmless (Engine promises it), so no lock is held around the network.
func (s *Service) handOver(ctx context.Context, call domain.EngineCall) error {
	ctx, span := s.tracer.Start(under(ctx, call.Traceparent), "engine call "+string(call.Kind)+" "+call.Name, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(attribute.Int("consentry.attempt", call.Attempts+1)))
	failure := s.engine.Deliver(ctx, call)
	dropped := domain.KindOf(failure) == domain.Gone // its workflow is complete: nobody is left to tell
	outcome := "taken"
	switch {
	case dropped:
		outcome = "dropped"
	case failure != nil:
		outcome = "failed"
	}
	endSpan(span, failure)
	s.observe.Delivered(string(call.Kind), outcome, call.Attempts > 0)
	err := s.store.Write(context.WithoutCancel(ctx), func(rows Rows) error {
		c, err := rows.EngineCalls().Get(call.ID)
		if err != nil || c.State != "waiting" {
			return err
		}
		c.Attempts++
		switch now := domain.At(s.now()); {
		case failure == nil:
			c.State, c.TakenAt, c.LastError = "taken", now, ""
		case dropped:
			c.State, c.LastError = "dropped", failure.Error()
		default:
			wait := min(time.Second<<min(c.Attempts, 6), time.Minute)
			c.LastError, c.NextAt = failure.Error(), domain.At(now.Add(wait))
		}
		return rows.EngineCalls().Update(&c)
	})
	if err != nil {
		return err
	}
	if dropped {
		return s.settleDropped(ctx, call)
	}
	return failure
}

// settleDropped answers a decision whose workflow has ended before it came: the
// rows alone say how it comes out, so that nobody waits for it for ever.
func (s *Service) settleDropped(ctx context.Context, call domain.EngineCall) error {
	if call.Kind != domain.CallUpdate || call.Name != contract.UpdateApplyDecision {
		return nil
	}
	var in contract.ApplyDecision
	if err := json.Unmarshal(call.Payload, &in); err != nil {
		return fmt.Errorf("read the dropped call %s: %w", call.ID, err)
	}
	_, err := s.ApplyDecision(ctx, domain.System("engine"), in)
	return err
}
