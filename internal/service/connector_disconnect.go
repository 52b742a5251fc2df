package service

import (
	"context"
	"fmt"
	"strings"

	"consentry/internal/domain"
)

// Disconnected is the receipt of a disconnected connector.
type Disconnected struct {
	Connector domain.Connector
	Cell      domain.Cell
	Sessions  int // open consent sessions that ended with it
	AsOf      domain.Instant
}

// Disconnect lets a connector go that nothing reads through any more. The row and
// the evidence of its consent stay for a time; our app stays in the customer's
// tenant until an administrator there removes it, which only they can do. Asking
// again answers the same.
func (s *Service) Disconnect(ctx context.Context, caller domain.Caller, connectorID string) (Disconnected, error) {
	return Do(ctx, s, caller, "", "disconnect", connectorID, func(tx *Tx) (Disconnected, error) {
		c, err := tx.connectorOf(connectorID, domain.RoleApprove)
		if err != nil {
			return Disconnected{}, err
		}
		r := Disconnected{Connector: c, AsOf: c.DisconnectedAt}
		if r.Cell, err = optional(tx.Rows.Cells().Get(c.CellID)); err != nil || !c.DisconnectedAt.IsZero() {
			return r, err
		}
		if err := tx.unused(c); err != nil {
			return r, err
		}
		open, err := tx.ConsentSessions().List(By(Where{"connector_id": c.ID, "outcome": string(domain.ConsentOpen)}))
		if err != nil {
			return r, err
		}
		for _, cs := range open {
			if err := tx.endConsent(&cs, domain.ConsentExpired, "disconnected", "The connector was disconnected."); err != nil {
				return r, err
			}
		}
		c.DisconnectedAt, c.DisconnectedBy, c.EvidenceUntil, c.ReconnectSession, c.UpdatedAt = tx.At(), caller.ID, tx.In(s.leaving.EvidenceFor), "", tx.At()
		if err := tx.Rows.Connectors().Update(&c); err != nil {
			return r, err
		}
		r.Connector, r.Sessions, r.AsOf = c, len(open), tx.At()
		if err := tx.Notify(disconnected(c, r.Cell)); err != nil {
			return r, err
		}
		return r, tx.Done(c.AccountID, "disconnect", "connector", c.ID, map[string]string{"tenant": c.TenantID, "cell": c.CellID})
	})
}

// unused refuses while something depends on the connector, and names it.
func (t *Tx) unused(c domain.Connector) error {
	bound, err := t.boundTo(c)
	if err != nil {
		return err
	}
	var in []string
	for _, i := range bound {
		in = append(in, "the integration "+i.Name)
	}
	open, err := t.Rows.Migrations().List(Query{Where: Where{"account_id": c.AccountID, "connector_id": c.ID, "open": true}, Order: []string{"started_at", "id"}})
	if err != nil {
		return err
	}
	for _, m := range open {
		i, err := t.Rows.Integrations().Get(m.IntegrationID)
		if err != nil {
			return err
		}
		in = append(in, "the migration of "+i.Name)
	}
	if len(in) == 0 {
		return nil
	}
	return domain.Refuse(domain.Conflict, "connector-in-use", "This connector is still used by %s. Move or remove what uses it first; nothing has changed.", strings.Join(in, ", "))
}

func disconnected(c domain.Connector, cell domain.Cell) domain.Notice {
	return domain.Notice{
		AccountID: c.AccountID, Key: "disconnected/" + c.ID, Kind: "disconnected", Title: c.Name + " is disconnected",
		Body: fmt.Sprintf("We no longer read the tenant %s through the connector %q. Our application (application id %s) is still consented there: "+
			"remove it in the Entra admin center under Enterprise applications. The evidence of the consent is kept until %s.", c.TenantID, c.Name, cell.ClientID, noticeDate(c.EvidenceUntil.Time)),
	}
}
