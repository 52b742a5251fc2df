// Package scripted plays the activities under their production names from a
// script, without a store and without Microsoft: the workflow tests run against
// it with skipped time, and the recorder of histories against a real server.
package scripted

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// Script is how the world answers one attempt. The lists are used up in turn;
// an exhausted list answers with the happy road.
type Script struct {
	Consents      []string         // code of each confirmation; "" = works
	ConsentAway   bool             // no confirmation gets an answer: it is tried again and again
	Described     bool             // the description was given ahead
	Differences   []bool           // of each proof
	GoOn          bool             // confirmed beforehand
	Approvals     []string         // refusal of each approval; "" = applied
	RollBacks     []string         // refusal of each roll-back; "" = applied
	Rungs         []time.Duration  // of the clean-up ladder: until the next look
	Dates         []contract.Dates // of each reading
	WayBack       time.Duration
	CleanUp       time.Duration
	FirstSyncTime time.Duration // budget

	Standing contract.Standing // where the attempt begins; zero: where every new one does
}

// Migration plays activities.Migration.
type Migration struct {
	Script
	Now func() time.Time

	mu        sync.Mutex
	standing  contract.Standing
	decisions map[string]domain.DecisionKind
	answers   map[string]contract.DecisionResult
	calls     []string
}

// NewMigration starts where StartMigration leaves an attempt.
func NewMigration(s Script, now func() time.Time) *Migration {
	begins := s.Standing
	if begins.PhaseSeq == 0 {
		begins = contract.Standing{Phase: domain.AwaitingConsent, PhaseSeq: 1}
	}
	return &Migration{
		Script: s, Now: now, standing: begins,
		decisions: map[string]domain.DecisionKind{}, answers: map[string]contract.DecisionResult{},
	}
}

// Calls lists what was called, in order, each with what told it apart.
func (m *Migration) Calls() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

// Called counts the calls of one activity.
func (m *Migration) Called(name string) int {
	n := 0
	for _, c := range m.Calls() {
		if c == name {
			n++
		}
	}
	return n
}

// Phase is where the attempt stands.
func (m *Migration) Phase() domain.Phase {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.standing.Phase
}

// Grant does what a verified consent session does and gives the signal.
func (m *Migration) Grant(attemptID, sessionID string) contract.ConsentGranted {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.standing.Phase == domain.AwaitingConsent {
		m.move(domain.ConfirmingConsent, "")
	}
	return contract.ConsentGranted{AttemptID: attemptID, ConsentSessionID: sessionID, PhaseSeq: m.standing.PhaseSeq}
}

// Give stores a decision and gives the update.
func (m *Migration) Give(attemptID, decisionID string, kind domain.DecisionKind) contract.ApplyDecision {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.decisions[decisionID] = kind
	return contract.ApplyDecision{AttemptID: attemptID, DecisionID: decisionID}
}

func (m *Migration) move(to domain.Phase, code string) contract.Standing {
	if !migration.MayFollow(m.standing.Phase, to) {
		panic(fmt.Sprintf("the script goes from %s to %s, which no migration does", m.standing.Phase, to)) // a wrong script is a programming error of a test
	}
	m.standing = contract.Standing{Phase: to, PhaseSeq: m.standing.PhaseSeq + 1, Code: code}
	switch to {
	case domain.Migrated:
		m.standing.Until = m.Now().Add(m.WayBack)
	case domain.CleanUp:
		m.standing.Until = m.Now().Add(m.CleanUp)
	default:
	}
	return m.standing
}

// step is the frame of every command: it notes the call, and answers where the
// attempt stands when the command has no place there.
func (m *Migration) step(name string, in domain.Phase, do func() contract.Standing) (contract.Standing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, name)
	if m.standing.Phase != in {
		return m.standing, nil
	}
	return do(), nil
}

func next[T any](list *[]T) (v T, ok bool) {
	if len(*list) == 0 {
		return v, false
	}
	v, *list = (*list)[0], (*list)[1:]
	return v, true
}

// EntraConfirmConsent answers as the script says.
func (m *Migration) EntraConfirmConsent(_ context.Context, _ contract.Attempt) (contract.Standing, error) {
	if m.ConsentAway {
		return contract.Standing{}, errors.New("no answer in this script")
	}
	return m.step("EntraConfirmConsent", domain.ConfirmingConsent, func() contract.Standing {
		if code, _ := next(&m.Consents); code != "" {
			return m.move(domain.AwaitingConsent, code)
		}
		if m.Described {
			return m.move(domain.Proving, "")
		}
		return m.move(domain.AwaitingDescription, "")
	})
}

// ServiceApplyDecision applies what Give stored.
func (m *Migration) ServiceApplyDecision(_ context.Context, in contract.ApplyDecision) (contract.DecisionResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, "ServiceApplyDecision")
	if known, ok := m.answers[in.DecisionID]; ok {
		return known, nil
	}
	kind, ok := m.decisions[in.DecisionID]
	if !ok {
		return contract.DecisionResult{State: domain.DecisionRefused, Code: "unknown-decision"}, nil
	}
	res := m.apply(kind)
	res.Standing = m.standing
	m.answers[in.DecisionID] = res
	return res, nil
}

func (m *Migration) apply(kind domain.DecisionKind) contract.DecisionResult {
	if !migration.Allows(m.standing.Phase, kind) {
		return contract.DecisionResult{State: domain.DecisionRefused, Code: migration.NotInPhase}
	}
	applied := contract.DecisionResult{State: domain.DecisionApplied}
	switch kind {
	case domain.DecideDescribe:
		m.Described = true
		if m.standing.Phase == domain.AwaitingDescription {
			m.move(domain.Proving, "")
		}
	case domain.DecideApprove:
		if code, _ := next(&m.Approvals); code != "" {
			m.move(domain.Proving, code)
			return contract.DecisionResult{State: domain.DecisionRefused, Code: code}
		}
		m.move(domain.CuttingOver, "")
	case domain.DecideCancel:
		m.move(domain.Cancelled, "")
	case domain.DecideExtend:
		applied.DatesChanged = true
	case domain.DecideRollBack:
		if code, _ := next(&m.RollBacks); code != "" {
			return contract.DecisionResult{State: domain.DecisionRefused, Code: code}
		}
		m.move(domain.RolledBack, "")
	case domain.DecideCleanUp:
		if m.standing.Phase == domain.Migrated {
			m.move(domain.CleanUp, "")
			m.standing.Until = m.Now()
		} else {
			m.move(domain.Closed, "")
		}
	default:
	}
	return applied
}

// ServiceLoseConsent asks for consent again.
func (m *Migration) ServiceLoseConsent(_ context.Context, in contract.ConsentLost) (contract.Standing, error) {
	return m.step("ServiceLoseConsent", domain.Proving, func() contract.Standing { return m.move(domain.AwaitingConsent, in.Code) })
}

// ServiceRecordProof goes on by itself when nothing changes, the mirror is not
// frozen, and that was confirmed.
func (m *Migration) ServiceRecordProof(_ context.Context, in contract.ShadowRead) (contract.Standing, error) {
	return m.step("ServiceRecordProof", domain.Proving, func() contract.Standing {
		differs, _ := next(&m.Differences)
		if m.GoOn && !differs && !in.Frozen {
			return m.move(domain.CuttingOver, "")
		}
		return m.move(domain.AwaitingApproval, "")
	})
}

// ServiceBeginCutOver switches the binding.
func (m *Migration) ServiceBeginCutOver(_ context.Context, _ contract.Attempt) (contract.CutOver, error) {
	s, err := m.step("ServiceBeginCutOver", domain.CuttingOver, func() contract.Standing { return m.standing })
	return contract.CutOver{Standing: s, ShadowRunID: "run_shadow", Budget: m.FirstSyncTime}, err
}

// ServiceFinishMigration ends the cut-over.
func (m *Migration) ServiceFinishMigration(_ context.Context, _ contract.FirstSyncDone) (contract.Standing, error) {
	return m.step("ServiceFinishMigration", domain.CuttingOver, func() contract.Standing { return m.move(domain.Migrated, "") })
}

// ServiceCompensateCutOver takes the cut-over back.
func (m *Migration) ServiceCompensateCutOver(_ context.Context, in contract.FirstSyncFailed) (contract.Standing, error) {
	return m.step("ServiceCompensateCutOver", domain.CuttingOver, func() contract.Standing {
		s := m.move(domain.AwaitingApproval, in.Code)
		if d, ok := next(&m.Dates); ok {
			s.Dates = &d
		}
		return s
	})
}

// ServiceOpenCleanUp closes the way back.
func (m *Migration) ServiceOpenCleanUp(_ context.Context, _ contract.Attempt) (contract.Standing, error) {
	return m.step("ServiceOpenCleanUp", domain.Migrated, func() contract.Standing { return m.move(domain.CleanUp, "") })
}

// ServiceAdvanceCleanUp takes the next rung of the script; when none is left, the
// attempt closes.
func (m *Migration) ServiceAdvanceCleanUp(_ context.Context, _ contract.Attempt) (contract.Standing, error) {
	return m.step("ServiceAdvanceCleanUp", domain.CleanUp, func() contract.Standing {
		if again, ok := next(&m.Rungs); ok {
			m.standing.Until = m.Now().Add(again)
			return m.standing
		}
		return m.move(domain.Closed, "")
	})
}

// ServiceStopMigration records a cancelled workflow. After the switch nothing is
// cancelled.
func (m *Migration) ServiceStopMigration(_ context.Context, _ contract.Attempt) (contract.Standing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, "ServiceStopMigration")
	switch p := m.standing.Phase; {
	case p.Ended(), p.Switched():
	case p == domain.CuttingOver:
		m.move(domain.AwaitingApproval, migration.CutOverCancelled)
		m.move(domain.Cancelled, "")
	default:
		m.move(domain.Cancelled, "")
	}
	return m.standing, nil
}

// ServiceReadDates answers the next reading; when the script has none left, no
// date lies ahead.
func (m *Migration) ServiceReadDates(_ context.Context, _ contract.Attempt) (contract.Dates, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, "ServiceReadDates")
	d, ok := next(&m.Dates)
	if !ok {
		d = contract.Dates{CampaignVersion: 1 << 30}
	}
	d.ReadAt = m.Now()
	return d, nil
}

// ServiceNoteWaiting notes what is waited for.
func (m *Migration) ServiceNoteWaiting(_ context.Context, in contract.Waiting) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, "ServiceNoteWaiting", "waiting:"+in.Code)
	return nil
}

// ServiceHealLost finds none.
func (m *Migration) ServiceHealLost(context.Context, contract.SweepInput) (contract.LostHealed, error) {
	return contract.LostHealed{}, nil
}

// EntraFindApprovals finds none.
func (m *Migration) EntraFindApprovals(context.Context, contract.SweepInput) (contract.ApprovalsFound, error) {
	return contract.ApprovalsFound{}, nil
}
