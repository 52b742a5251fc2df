package service

import (
	"context"
	"slices"
	"time"

	"consentry/internal/campaign"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// CodeOutOfOrder refuses a step of a migration that its phase does not allow.
// Whoever gets it reads where the migration stands and goes on from there.
const CodeOutOfOrder = "out-of-order"

// attempt gives a migration in one of the phases, or refuses the step.
func (t *Tx) attempt(id string, phases ...domain.Phase) (domain.Migration, error) {
	m, err := t.Rows.Migrations().Get(id)
	if err != nil {
		return m, err
	}
	if slices.Contains(phases, m.Phase) {
		return m, nil
	}
	return m, domain.Refuse(domain.Conflict, CodeOutOfOrder, "The migration is in the phase %s, where this step has no place.", m.Phase)
}

// move makes a phase true: the row, its audit entry and its change together. It
// is the only place that writes Phase, so no edge outside the table exists.
func (t *Tx) move(m *domain.Migration, to domain.Phase, detail map[string]string) error {
	if !migration.MayFollow(m.Phase, to) {
		return domain.Refuse(domain.Conflict, CodeOutOfOrder, "A migration cannot go from %s to %s.", m.Phase, to)
	}
	all := map[string]string{"from": string(m.Phase), "to": string(to)}
	for k, v := range detail {
		if v != "" {
			all[k] = v
		}
	}
	m.Phase, m.PhaseSince = to, t.At()
	m.PhaseSeq++
	clearWaiting(m)
	if err := t.keep(m); err != nil {
		return err
	}
	return t.Done(m.AccountID, "migration-"+string(to), "migration", m.ID, all)
}

// keep writes the row of a migration whose phase stays.
func (t *Tx) keep(m *domain.Migration) error {
	m.UpdatedAt = t.At()
	return t.Rows.Migrations().Update(m)
}

// standing is where the migration stands, as its workflow is told.
func standing(m domain.Migration) contract.Standing {
	s := contract.Standing{Phase: m.Phase, PhaseSeq: m.PhaseSeq}
	switch m.Phase {
	case domain.AwaitingConsent:
		s.Code = m.ConsentCode
	case domain.Proving, domain.AwaitingApproval:
		s.Code = m.FailureCode
	case domain.Migrated:
		s.Until = m.WayBackUntil.Time
	case domain.CleanUp:
		s.Until = m.CleanUpNextAt.Time
	default:
	}
	return s
}

// Standing reads where a migration stands, for the product's own parts.
func (s *Service) Standing(ctx context.Context, caller domain.Caller, attemptID string) (out contract.Standing, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		m, err := tx.Rows.Migrations().Get(attemptID)
		if err != nil || !caller.Operator() {
			return notHere("migration", err)
		}
		out = standing(m)
		return nil
	})
	return out, err
}

// campaignOf gives the campaign of a migration.
func (t *Tx) campaignOf(m domain.Migration) (domain.Campaign, error) {
	return t.Rows.Campaigns().Get(m.CampaignID)
}

func datesMessage(d campaign.Dates) contract.Dates {
	return contract.Dates{NextAt: utc(d.NextAt), Deadline: utc(d.Deadline), CampaignVersion: d.Version, ReadAt: utc(d.ReadAt), Overdue: d.Overdue}
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

func clearWaiting(m *domain.Migration) {
	m.WaitingCode, m.WaitingText, m.WaitingSince = "", "", domain.Instant{}
}
