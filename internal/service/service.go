package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"consentry/internal/domain"
	"consentry/internal/logkey"
)

// Service is the product's one place of commands and reads.
type Service struct {
	store  Store
	engine Engine
	keeper Keeper
	now    Clock
	log    *zap.Logger

	leaving   Leaving
	served    Served
	slice     int // operations that one transaction applies
	strangers *strangers
	lostAfter lookedUpTo
	observe   Observer
	tracer    trace.Tracer
}

// Deps are the ports a Service stands on.
type Deps struct {
	Store  Store
	Engine Engine
	Keeper Keeper
	Now    Clock
	Log    *zap.Logger
	// Leaving is how long leaving takes; zero: the product's defaults.
	Leaving Leaving
	// Served is what else must fit; zero: everything does.
	Served Served
	// Observe is told what happened; nil: nobody is.
	Observe Observer
	// Tracer takes the spans of commands and engine calls; nil: there are none.
	Tracer trace.Tracer
}

// New builds a Service.
func New(d Deps) *Service {
	if d.Observe == nil {
		d.Observe = nobody{}
	}
	if d.Tracer == nil {
		d.Tracer = noop.NewTracerProvider().Tracer("")
	}
	return &Service{
		leaving: d.Leaving.orDefaults(), served: d.Served, tracer: d.Tracer, observe: d.Observe, store: d.Store, engine: d.Engine, keeper: d.Keeper, now: d.Now, log: d.Log,
		slice: sliceOperations, strangers: newStrangers(),
	}
}

// Now is the product's time.
func (s *Service) Now() time.Time { return s.now() }

// Tx is one command's transaction: the rows, who asks, and a now that stands
// still while it runs.
type Tx struct {
	Rows
	Caller domain.Caller
	Now    time.Time

	leaving Leaving
	served  Served

	calls []string         // ids of the engine calls this command wrote
	ended []domain.SyncRun // runs that this command ended
	trace string           // what the calls belong to
}

// At is the transaction's now as a column value.
func (t *Tx) At() domain.Instant { return domain.At(t.Now) }

// In gives the transaction's now plus d as a column value.
func (t *Tx) In(d time.Duration) domain.Instant { return domain.At(t.Now.Add(d)) }

// updateWait is how long a command waits for a decision to be applied before it
// answers "given, not yet applied".
const updateWait = 8 * time.Second

// Do runs one command. The key makes it idempotent: it names the command and the
// thing it acts on ("describe/mig_1/K"), so that a repeat with the same key, by
// the same caller, returns the first answer and changes nothing. An empty key
// means that the command is idempotent by its own rows. A refusal (a
// *domain.Error) rolls everything back and commits its audit entry alone.
func Do[T any](ctx context.Context, s *Service, caller domain.Caller, key, action, subject string, fn func(*Tx) (T, error)) (_ T, err error) {
	ctx, span := s.tracer.Start(ctx, "command "+action)
	defer func() { endSpan(span, err) }()
	var answer T
	var calls []string
	var ended []domain.SyncRun
	run := func(rows Rows) error {
		answer = *new(T) // a conflict on the database runs this again
		tx := &Tx{Rows: rows, Caller: caller, Now: s.now(), leaving: s.leaving, served: s.served, trace: parentOf(ctx)}
		if key != "" {
			id := string(caller.Kind) + "/" + caller.ID + "/" + action + "/" + key
			known, err := rows.CommandKeys().Get(id)
			if err == nil {
				return json.Unmarshal(known.Answer, &answer)
			}
			if !domain.IsNotFound(err) {
				return err
			}
			if answer, err = fn(tx); err != nil {
				return err
			}
			b, err := json.Marshal(answer)
			if err != nil {
				return fmt.Errorf("keep the answer of %s: %w", action, err)
			}
			if err := rows.CommandKeys().Insert(&domain.CommandKey{ID: id, Answer: b, CreatedAt: tx.At()}); err != nil {
				return err
			}
		} else {
			var err error
			if answer, err = fn(tx); err != nil {
				return err
			}
		}
		calls, ended = tx.calls, tx.ended
		return nil
	}
	err = s.store.Write(ctx, run)
	s.observe.Command(action, outcomeOf(err))
	if err != nil {
		s.auditRefusal(ctx, caller, action, subject, err)
		var zero T
		return zero, err
	}
	for _, r := range ended {
		s.observe.RunEnded(string(r.State), r.Added+r.Changed+r.Removed)
	}
	s.deliver(ctx, calls)
	return answer, nil
}

// auditRefusal commits the trace of a command that a rule refused. Faults of
// systems are logged by whoever sees them and are no refusals.
func (s *Service) auditRefusal(ctx context.Context, caller domain.Caller, action, subject string, cause error) {
	var refusal *domain.Error
	if !errors.As(cause, &refusal) || refusal.Kind == domain.Unavailable {
		return
	}
	var err error
	if caller.Kind == domain.CallerAnonymous {
		err = s.auditStranger(ctx, caller, "", action, subject, refusal.Code)
	} else {
		err = s.store.Write(context.WithoutCancel(ctx), func(rows Rows) error {
			tx := &Tx{Rows: rows, Caller: caller, Now: s.now(), leaving: s.leaving, served: s.served}
			return tx.Audit("", action, subject, "refused", refusal.Code, nil)
		})
	}
	if err != nil {
		s.logFor(ctx).Error("a refusal could not be audited", zap.String(logkey.Action, action), zap.Error(err))
	}
}

// Read runs fn on one consistent view of the store.
func (s *Service) Read(ctx context.Context, caller domain.Caller, fn func(*Tx) error) error {
	return s.store.Read(ctx, func(rows Rows) error {
		return fn(&Tx{Rows: rows, Caller: caller, Now: s.now(), leaving: s.leaving, served: s.served})
	})
}

// look is Read for what is one statement.
func (s *Service) look(ctx context.Context, caller domain.Caller, fn func(*Tx) error) error {
	return s.store.Look(ctx, func(rows Rows) error {
		return fn(&Tx{Rows: rows, Caller: caller, Now: s.now(), leaving: s.leaving, served: s.served})
	})
}

// Ping reports whether the store answers.
func (s *Service) Ping(ctx context.Context) error { return s.store.Ping(ctx) }
