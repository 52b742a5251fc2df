package service

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"consentry/internal/consent"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// reconnectBudget is how long a consent given for a connector may take to become
// visible. No campaign speaks for a connector; Microsoft promises no time, and
// what was reported are minutes.
const reconnectBudget = 30 * time.Minute

// BeginReconnect opens a consent session for a connector, by the same rules as
// for a migration: both legs are pinned to the connector's tenant, and the app is
// the one of the connector's own cell.
func (s *Service) BeginReconnect(ctx context.Context, caller domain.Caller, connectorID string) (ConsentStart, error) {
	return Do(ctx, s, caller, "", "begin-reconnect", connectorID, func(tx *Tx) (ConsentStart, error) {
		c, err := tx.connectorOf(connectorID, domain.RoleMigrate)
		if err != nil {
			return ConsentStart{}, err
		}
		if refusal := waitsForReconnect(c); refusal != nil {
			return ConsentStart{}, refusal
		}
		return tx.beginConsent(domain.ConsentSession{AccountID: c.AccountID, ConnectorID: c.ID, TenantID: c.TenantID, CellID: c.CellID}, "begin-reconnect")
	})
}

// beginConsent writes a new session, in place of one that the same person left
// open for the same subject.
func (t *Tx) beginConsent(session domain.ConsentSession, action string) (ConsentStart, error) {
	token := domain.NewToken()
	session.ID, session.PersonID, session.Leg, session.StartDigest = domain.NewID("cs"), t.Caller.ID, domain.LegConsent, consent.Hash(token)
	session.Outcome, session.CreatedAt, session.ExpiresAt = domain.ConsentOpen, t.At(), t.In(consentStartFor)
	q := openConsentsOf(session)
	q.Where["person_id"] = t.Caller.ID
	if err := t.endConsents(q); err != nil {
		return ConsentStart{}, err
	}
	if err := t.ConsentSessions().Insert(&session); err != nil {
		return ConsentStart{}, err
	}
	kind, id := about(session)
	return ConsentStart{SessionID: session.ID, Path: "/consent/start/" + token, ExpiresAt: session.ExpiresAt},
		t.Done(session.AccountID, action, kind, id, map[string]string{"session": session.ID})
}

// connectorOf gives a connector that the caller may act on in the role.
func (t *Tx) connectorOf(id string, role domain.Role) (domain.Connector, error) {
	c, err := t.Rows.Connectors().Get(id)
	if err != nil || !t.Caller.Sees(c.AccountID) {
		return domain.Connector{}, notHere("connector", err)
	}
	if err := t.notDeleted(c.AccountID); err != nil {
		return domain.Connector{}, err
	}
	if !t.Caller.Has(role, c.AccountID) {
		return domain.Connector{}, domain.Refuse(domain.Forbidden, "role-needed", "This needs the role %q in the account. Ask somebody who has it.", role)
	}
	return c, nil
}

// waitsForReconnect says why a connector takes no consent now. One that fares
// well takes it: an administrator may renew a consent before it is missed.
func waitsForReconnect(c domain.Connector) *domain.Error {
	switch {
	case !c.DisconnectedAt.IsZero():
		return domain.Refuse(domain.Gone, "disconnected", "This connector was disconnected. A new migration or integration of the tenant makes a new one.")
	case c.ReconnectSession != "":
		return domain.Refuse(domain.Conflict, "consent-not-awaited", "A consent for this connector is being checked with real calls right now. If it turns out not to be there, this page asks for it again.")
	}
	return nil
}

// reconnectGranted has a verified consent checked with real calls. The workflow's
// id carries the session, so that each consent is checked by a run of its own and
// telling it twice starts one.
func (t *Tx) reconnectGranted(c *domain.Connector, cs domain.ConsentSession) error {
	c.ReconnectSession, c.ReconnectSince, c.ReconnectCode, c.ReconnectText, c.UpdatedAt = cs.ID, t.At(), "", "", t.At()
	if err := t.Rows.Connectors().Update(c); err != nil {
		return err
	}
	account, err := t.Rows.Accounts().Get(c.AccountID)
	if err != nil {
		return err
	}
	return t.Call(domain.CallStart, c.AccountID, contract.ConnectorSetupID(c.ID, cs.ID), contract.ConnectorSetupWorkflow, cs.ID,
		contract.ConnectorSetupInput{ConnectorID: c.ID, ConsentSessionID: cs.ID, AccountID: c.AccountID, Region: account.Region})
}

func (t *Tx) reconnectFailed(c *domain.Connector, code, text string) error {
	if takes := waitsForReconnect(*c) == nil; !takes {
		return nil // a late failure does not disturb a consent that is being checked
	}
	c.ReconnectCode, c.ReconnectText, c.UpdatedAt = code, text, t.At()
	return t.Rows.Connectors().Update(c)
}

// ReconnectCheck is what checking a connector's consent needs to know. Over means
// that this session is not, or no longer, the one to check.
type ReconnectCheck struct {
	Over     bool
	CellID   string
	TenantID string
	Until    time.Time
}

// ReconnectCheck reads what to check.
func (s *Service) ReconnectCheck(ctx context.Context, caller domain.Caller, in contract.ConnectorSetupInput) (check ReconnectCheck, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		c, err := tx.Rows.Connectors().Get(in.ConnectorID)
		check = ReconnectCheck{Over: c.ReconnectSession != in.ConsentSessionID, CellID: c.CellID, TenantID: c.TenantID, Until: c.ReconnectSince.Add(reconnectBudget)}
		return err
	})
	return check, err
}

// ReconnectConfirmed records that real calls work again: the connector keeps its
// id, its bindings and, because delta links belong to the app and not to the
// consent, its position. What uses it synchronizes at once.
func (s *Service) ReconnectConfirmed(ctx context.Context, caller domain.Caller, in contract.ConnectorSetupInput) (contract.ConnectorStanding, error) {
	return Do(ctx, s, caller, "", "confirm-reconnect", in.ConnectorID, func(tx *Tx) (contract.ConnectorStanding, error) {
		c, err := tx.Rows.Connectors().Get(in.ConnectorID)
		if err != nil || c.ReconnectSession != in.ConsentSessionID {
			return connectorStanding(c), err
		}
		cs, err := tx.Rows.ConsentSessions().Get(in.ConsentSessionID)
		if err != nil {
			return contract.ConnectorStanding{}, err
		}
		c.PermissionSet = domain.CurrentPermissionSet
		c.ConsentSessionID, c.ConsentedBy, c.ConsentedAt, c.ConfirmedAt = cs.ID, cs.VerifiedObject, cs.EndedAt, tx.At()
		c.ReconnectSession, c.ReconnectCode, c.ReconnectText = "", "", ""
		if c.Condition != domain.ConditionOK {
			c.Condition, c.ConditionCode, c.ConditionText, c.ConditionSince = domain.ConditionOK, "", "", tx.At()
		}
		if err := tx.saveConnector(&c, true); err != nil {
			return contract.ConnectorStanding{}, err
		}
		bound, err := tx.boundTo(c)
		if err != nil {
			return contract.ConnectorStanding{}, err
		}
		for _, i := range bound {
			if err := tx.startSync(i, domain.RunScheduled); err != nil {
				return contract.ConnectorStanding{}, err
			}
		}
		return connectorStanding(c), tx.Notify(reconnected(c, len(bound)))
	})
}

// ReconnectNotConfirmed records that real calls did not work within the budget.
// The connector stands as it stood, with a diagnosis that somebody can act on.
func (s *Service) ReconnectNotConfirmed(ctx context.Context, caller domain.Caller, in contract.ConnectorSetupInput, code string) (contract.ConnectorStanding, error) {
	return Do(ctx, s, caller, "", "ask-reconnect-again", in.ConnectorID, func(tx *Tx) (contract.ConnectorStanding, error) {
		c, err := tx.Rows.Connectors().Get(in.ConnectorID)
		if err != nil || c.ReconnectSession != in.ConsentSessionID {
			return connectorStanding(c), err
		}
		c.ReconnectSession, c.ReconnectCode, c.ReconnectText = "", code, migration.Text(code)
		if err := tx.saveConnector(&c, true); err != nil {
			return contract.ConnectorStanding{}, err
		}
		return connectorStanding(c), tx.Notify(domain.Notice{
			AccountID: c.AccountID, Key: "reconnect-failed/" + in.ConsentSessionID, Kind: "consent-failed",
			Title: "The consent for the connector " + c.Name + " did not work", Body: c.ReconnectText,
		})
	})
}

func connectorStanding(c domain.Connector) contract.ConnectorStanding {
	return contract.ConnectorStanding{Condition: c.Condition, Code: c.ReconnectCode}
}

// boundTo lists the integrations that read through the connector, by name.
func (t *Tx) boundTo(c domain.Connector) ([]domain.Integration, error) {
	return t.Rows.Integrations().List(Query{Where: Where{"account_id": c.AccountID, "connector_id": c.ID, "binding": domain.BoundConnector}, Order: []string{"name", "id"}})
}

// reconnectNeeded is said once for each time that a connector lost its consent.
func reconnectNeeded(c domain.Connector) domain.Notice {
	return domain.Notice{
		AccountID: c.AccountID, Key: "reconnect/" + c.ID + "/" + strconv.FormatInt(c.ConditionSince.UnixMicro(), 10), Kind: "reconnect-needed",
		Title: "Reconnect " + c.Name,
		Body: fmt.Sprintf("Microsoft no longer lets the connector %q read the tenant %s. Nothing is deleted: what we hold stays as of the last synchronization. "+
			"A Privileged Role Administrator or Global Administrator of the tenant has to consent again: choose Reconnect on the connector's page.", c.Name, c.TenantID),
	}
}

func reconnected(c domain.Connector, bound int) domain.Notice {
	body := "Real calls work again."
	if bound > 0 {
		body += " Synchronization goes on where it had stopped."
	}
	return domain.Notice{AccountID: c.AccountID, Key: "reconnected/" + c.ConsentSessionID, Kind: "reconnected", Title: c.Name + " is connected again", Body: body}
}
