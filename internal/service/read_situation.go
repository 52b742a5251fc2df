package service

import (
	"slices"

	"consentry/internal/consent"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// present adds how things are at the moment beside the phase.
func (t *Tx) present(s *migration.Situation, i domain.Integration, m domain.Migration) error {
	s.Condition, s.ConditionCode, s.ConditionText, s.ConditionAt, s.NextRun = i.Condition, i.ConditionCode, i.ConditionText, i.ConditionSince.Time, i.NextDueAt.Time
	if err := t.presentSecret(s, i); err != nil {
		return err
	}
	c, err := named(t.Rows.Connectors(), i.ConnectorID)
	if err != nil {
		return err
	}
	if c.ID != "" {
		presentConnector(s, c)
	}
	if err := t.presentSharing(s, i, m); err != nil {
		return err
	}
	if m.Phase == domain.Migrated {
		no, err := t.noWayBack(m)
		if err != nil {
			return err
		}
		if no == nil {
			no, err = t.oldAppRefused(m)
			if err != nil {
				return err
			}
		}
		if no != nil {
			s.NoWayBack, s.PastDate = no.text, no.code == migration.WayBackPastDate
		}
	}
	calls, err := t.undelivered(i)
	if err != nil || m.ID == "" {
		return err
	}
	given, err := t.Rows.Decisions().List(By(Where{"migration_id": m.ID, "state": string(domain.DecisionGiven)}))
	s.Undelivered, s.Given = len(calls) > 0, len(given) > 0
	if n := slices.IndexFunc(given, func(d domain.Decision) bool { return migration.Answers(m.Phase, d.Kind) }); n >= 0 {
		s.Answer = given[n].Kind
	}
	return err
}

// presentConnector: what a connector lost, everything that is bound to it has
// lost, also what has not tried to read since; and what it has again, nothing
// needs a person for.
func presentConnector(s *migration.Situation, c domain.Connector) {
	s.Reconnecting, s.ReconnectCode, s.ReconnectText = c.ReconnectSession != "", c.ReconnectCode, c.ReconnectText
	switch {
	case c.Condition == domain.ConditionError:
		s.ConnectorLost = true
		s.Condition, s.ConditionCode, s.ConditionText, s.ConditionAt = c.Condition, c.ConditionCode, c.ConditionText, c.ConditionSince.Time
	case c.Condition == domain.ConditionOK && s.ConditionCode == contract.SyncConsentLost:
		s.Reconnected = true
	}
}

// presentSharing adds how the vendor has decided about a tenant of several
// accounts, as far as something of this integration waits for it.
func (t *Tx) presentSharing(s *migration.Situation, i domain.Integration, m domain.Migration) error {
	if m.Phase != domain.AwaitingConsent && s.ReconnectCode != consent.CodeTenantShared {
		return nil
	}
	allowed, err := optional(t.Rows.TenantUses().Get(tenantUseID(i.TenantID, i.AccountID)))
	if err != nil {
		return err
	}
	s.TenantAllowed = allowed.ID != ""
	if m.ConsentCode == consent.CodeTenantShared || s.ReconnectCode == consent.CodeTenantShared {
		no, err := t.tenantUse(i.AccountID, i.TenantID)
		if err != nil {
			return err
		}
		s.TenantAllowed = no == nil
	}
	if m.Phase == domain.AwaitingConsent {
		kept, err := t.keptConsents(m.ID)
		s.ConsentKept = len(kept) > 0
		return err
	}
	return nil
}

// undelivered gives the messages about an integration that the engine did not
// take at the first try, the oldest first.
func (t *Tx) undelivered(i domain.Integration) ([]domain.EngineCall, error) {
	return t.Rows.EngineCalls().List(Query{
		Where: Where{"target": contract.MigrationID(i.ID), "state": "waiting", "attempts >": 0}, Order: []string{"created_at", "id"},
	})
}
