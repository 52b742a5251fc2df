package service

import (
	"context"
	"time"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// ConsentGranted takes a verified consent session for a migration, in the
// transaction that verified it. A second administrator's session finds the work
// done and changes nothing.
func (t *Tx) ConsentGranted(m *domain.Migration, session domain.ConsentSession) error {
	switch {
	case m.Phase.Ended():
		return domain.Refuse(domain.Gone, migration.MigrationEnded, "This migration has ended. Nothing is left to consent to.")
	case m.Phase != domain.AwaitingConsent:
		return t.Audit(m.AccountID, "consent-granted", m.ID, "done", "already-consented", map[string]string{"session": session.ID})
	}
	m.ConsentSession, m.ConsentCode, m.ConsentText = session.ID, "", ""
	if err := t.move(m, domain.ConfirmingConsent, map[string]string{"session": session.ID}); err != nil {
		return err
	}
	return t.Call(domain.CallSignal, m.AccountID, contract.MigrationID(m.IntegrationID), contract.SignalConsentGranted, session.ID,
		contract.ConsentGranted{AttemptID: m.ID, ConsentSessionID: session.ID, PhaseSeq: m.PhaseSeq})
}

// ConsentFailed keeps on the migration why the last consent came to nothing. One
// that already has its consent is not disturbed by a late failure.
func (t *Tx) ConsentFailed(m *domain.Migration, code, text string) error {
	if m.Phase != domain.AwaitingConsent {
		return nil
	}
	return t.consentAnswered(m, code, text)
}

// consentAnswered keeps what became of the last consent. Its workflow is told
// only where somebody else has to act now: that costs two actions, and what the
// tenant's administrator has to do anyhow is no news.
func (t *Tx) consentAnswered(m *domain.Migration, code, text string) error {
	acted := migration.NeedsPerson(m.Phase, m.ConsentCode)
	m.ConsentCode, m.ConsentText = code, text
	if err := t.keep(m); err != nil || migration.NeedsPerson(m.Phase, code) == acted {
		return err
	}
	return t.Call(domain.CallSignal, m.AccountID, contract.MigrationID(m.IntegrationID), contract.SignalActorChanged, m.ID+"/"+code,
		contract.ActorChanged{AttemptID: m.ID, PhaseSeq: m.PhaseSeq, Code: code})
}

// ConsentCheck is what confirming a consent needs to know.
type ConsentCheck struct {
	Standing contract.Standing
	TenantID string
	CellID   string
	Until    time.Time // the campaign's budget is over
	Waiting  bool      // a note says that Microsoft does not answer
}

// ConsentCheck reads what to confirm. Only a migration in ConfirmingConsent has
// anything.
func (s *Service) ConsentCheck(ctx context.Context, caller domain.Caller, attemptID string) (check ConsentCheck, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		m, err := tx.Rows.Migrations().Get(attemptID)
		if err != nil {
			return err
		}
		check.Standing, check.Waiting = standing(m), m.WaitingCode != ""
		if m.Phase != domain.ConfirmingConsent {
			return nil
		}
		session, err := tx.Rows.ConsentSessions().Get(m.ConsentSession)
		if err != nil {
			return err
		}
		c, err := tx.campaignOf(m)
		if err != nil {
			return err
		}
		check.TenantID, check.CellID = session.TenantID, session.CellID
		check.Until = m.PhaseSince.Add(c.Terms.ConsentBudget.Std())
		return nil
	})
	return check, err
}

// ConsentConfirmed records that real calls work: the account's connector for the
// tenant and product exists from here on. The first migration names it; a later
// one finds it and has its description confirmed.
func (s *Service) ConsentConfirmed(ctx context.Context, caller domain.Caller, attemptID string) (contract.Standing, error) {
	return Do(ctx, s, caller, "", "confirm-consent", attemptID, func(tx *Tx) (contract.Standing, error) {
		m, err := tx.attempt(attemptID, domain.ConfirmingConsent)
		if err != nil {
			return contract.Standing{}, err
		}
		i, err := tx.Rows.Integrations().Get(m.IntegrationID)
		if err != nil {
			return contract.Standing{}, err
		}
		session, err := tx.Rows.ConsentSessions().Get(m.ConsentSession)
		if err != nil {
			return contract.Standing{}, err
		}
		connector, known, err := tx.connectorFor(i, session)
		if err != nil {
			return contract.Standing{}, err
		}
		next := domain.AwaitingDescription
		if _, unfit := domain.CleanDescription(connector.Name, m.Description); unfit == nil {
			next = domain.Proving
			if err := tx.describe(&connector, m.Description); err != nil {
				return contract.Standing{}, err
			}
		}
		if err := tx.saveConnector(&connector, known); err != nil {
			return contract.Standing{}, err
		}
		m.ConnectorID, m.ConsentCode, m.ConsentText = connector.ID, "", ""
		if err := tx.move(&m, next, map[string]string{"connector": connector.ID}); err != nil {
			return contract.Standing{}, err
		}
		return standing(m), nil
	})
}

// connectorFor gives the one connector of account, tenant and product with the
// evidence of this consent on it.
func (t *Tx) connectorFor(i domain.Integration, session domain.ConsentSession) (c domain.Connector, known bool, err error) {
	c, err = t.Rows.Connectors().Find(By(Where{"account_id": i.AccountID, "tenant_id": i.TenantID, "product": i.Product, "disconnected_at": domain.Instant{}}))
	known = err == nil
	if err != nil && !domain.IsNotFound(err) {
		return c, false, err
	}
	if !known {
		c = domain.Connector{
			ID: domain.NewID("cnr"), AccountID: i.AccountID, TenantID: i.TenantID, Product: i.Product, Name: i.Name, CreatedAt: t.At(), ConditionSince: t.At(),
		}
	}
	c.CellID, c.PermissionSet = session.CellID, domain.CurrentPermissionSet
	c.ConsentSessionID, c.ConsentedBy, c.ConsentedAt, c.ConfirmedAt = session.ID, session.VerifiedObject, session.EndedAt, t.At()
	if c.Condition != domain.ConditionOK {
		c.ConditionSince = t.At()
	}
	c.Condition, c.ConditionCode, c.ConditionText = domain.ConditionOK, "", ""
	c.ReconnectCode, c.ReconnectText = "", ""
	return c, known, nil
}

// describe gives a connector its description at once, as long as nothing reads
// through it. One in use gets it when the switch is done (see handOver): an
// attempt that is given up before leaves it as it was.
func (t *Tx) describe(c *domain.Connector, text string) error {
	bound, err := t.boundTo(*c)
	if err == nil && len(bound) == 0 {
		c.Description = text
	}
	return err
}

func (t *Tx) saveConnector(c *domain.Connector, known bool) error {
	c.UpdatedAt = t.At()
	action, write := "create-connector", func() error { return t.Rows.Connectors().Insert(c) }
	if known {
		action, write = "update-connector", func() error { return t.Rows.Connectors().Update(c) }
	}
	if err := write(); err != nil {
		return err
	}
	return t.Done(c.AccountID, action, "connector", c.ID, map[string]string{"tenant": c.TenantID, "cell": c.CellID})
}

// ConsentNotConfirmed records that real calls did not work within the budget,
// with a diagnosis that somebody can act on.
func (s *Service) ConsentNotConfirmed(ctx context.Context, caller domain.Caller, attemptID, code string) (contract.Standing, error) {
	return s.backToConsent(ctx, caller, attemptID, domain.ConfirmingConsent, code)
}

// LoseConsent records that Microsoft no longer lets the connector read while the
// migration was being proven.
func (s *Service) LoseConsent(ctx context.Context, caller domain.Caller, attemptID, code string) (contract.Standing, error) {
	return s.backToConsent(ctx, caller, attemptID, domain.Proving, code)
}

func (s *Service) backToConsent(ctx context.Context, caller domain.Caller, attemptID string, from domain.Phase, code string) (contract.Standing, error) {
	return Do(ctx, s, caller, "", "ask-consent-again", attemptID, func(tx *Tx) (contract.Standing, error) {
		m, err := tx.attempt(attemptID, from)
		if err != nil {
			return contract.Standing{}, err
		}
		i, err := tx.Rows.Integrations().Get(m.IntegrationID)
		if err != nil {
			return contract.Standing{}, err
		}
		m.ConsentCode, m.ConsentText = code, migration.Text(code)
		if err := tx.move(&m, domain.AwaitingConsent, map[string]string{"code": code}); err != nil {
			return contract.Standing{}, err
		}
		if err := tx.Notify(consentFailed(m, i)); err != nil {
			return contract.Standing{}, err
		}
		// Whoever signed in has proved the tenant; what is missing may be granted in
		// Microsoft's portal, of which nobody tells us.
		if cs, err := tx.ConsentSessions().Get(m.ConsentSession); err == nil {
			tx.waitForApproval(&cs)
			if err := tx.ConsentSessions().Update(&cs); err != nil {
				return contract.Standing{}, err
			}
		} else if !domain.IsNotFound(err) {
			return contract.Standing{}, err
		}
		if m.ConnectorID == "" {
			return standing(m), nil
		}
		c, err := tx.Rows.Connectors().Get(m.ConnectorID)
		if err != nil {
			return contract.Standing{}, err
		}
		c.Condition, c.ConditionCode, c.ConditionText, c.ConditionSince = domain.ConditionError, code, m.ConsentText, tx.At()
		return standing(m), tx.saveConnector(&c, true)
	})
}
