package service

import (
	"context"

	"consentry/internal/domain"
)

// IntegrationRead is an integration with its legacy app and open migration.
type IntegrationRead struct {
	Integration domain.Integration
	Legacy      domain.LegacyApp // zero: it never had one
	Secret      ViewSecret       // of the old app
	Migration   domain.Migration // zero: none is open
}

// Integrations lists integrations; accountID narrows it.
func (s *Service) Integrations(ctx context.Context, caller domain.Caller, accountID string, p Page) (list List[domain.Integration], err error) {
	err = s.paged(ctx, caller, p, func(t *Tx) error {
		where, err := t.scope(accountID)
		if err != nil {
			return err
		}
		list, err = page(t, t.Rows.Integrations(), where, "created_at", p, func(i domain.Integration) place { return place{i.CreatedAt, i.ID} })
		return err
	})
	return list, err
}

// Integration reads one.
func (s *Service) Integration(ctx context.Context, caller domain.Caller, id string) (r IntegrationRead, err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		r.Integration, err = t.Rows.Integrations().Get(id)
		if err != nil || !caller.Sees(r.Integration.AccountID) {
			return notHere("integration", err)
		}
		if r.Migration, err = t.integrationAsOfNow(&r.Integration); err != nil {
			return err
		}
		if r.Legacy, err = optional(t.LegacyApps().Get(id)); err != nil {
			return err
		}
		if r.Secret, err = t.viewSecret(r.Integration, r.Legacy); err != nil {
			return err
		}
		r.Legacy.SecretRef = ""
		if r.Integration.Binding != domain.BoundLegacy {
			r.Migration, err = optional(t.Rows.Migrations().Find(By(Where{"integration_id": id, "open": true})))
		}
		return err
	})
	return r, err
}

// ConnectorRead is a connector with its cell, the certificate in use and the
// integrations that are bound to it.
type ConnectorRead struct {
	Connector    domain.Connector
	Cell         domain.Cell
	Certificate  ViewCertificate
	Integrations []domain.Integration
}

// Connectors lists connectors; accountID narrows it.
func (s *Service) Connectors(ctx context.Context, caller domain.Caller, accountID string, p Page) (list List[domain.Connector], err error) {
	err = s.paged(ctx, caller, p, func(t *Tx) error {
		where, err := t.scope(accountID)
		if err != nil {
			return err
		}
		list, err = page(t, t.Rows.Connectors(), where, "created_at", p, func(c domain.Connector) place { return place{c.CreatedAt, c.ID} })
		return err
	})
	return list, err
}

// Connector reads one.
func (s *Service) Connector(ctx context.Context, caller domain.Caller, id string) (r ConnectorRead, err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		r.Connector, err = t.Rows.Connectors().Get(id)
		if err != nil || !caller.Sees(r.Connector.AccountID) {
			return notHere("connector", err)
		}
		if r.Cell, err = optional(t.Rows.Cells().Get(r.Connector.CellID)); err != nil {
			return err
		}
		if r.Certificate, err = t.viewCertificate(r.Connector.CellID); err != nil {
			return err
		}
		r.Integrations, err = t.Rows.Integrations().List(Query{Where: Where{"connector_id": id}, Order: []string{"name", "id"}})
		return err
	})
	return r, err
}

// SyncRuns lists runs, the latest first; integrationID narrows it.
func (s *Service) SyncRuns(ctx context.Context, caller domain.Caller, integrationID string, p Page) (list List[domain.SyncRun], err error) {
	err = s.paged(ctx, caller, p, func(t *Tx) error {
		where, err := t.scope("")
		if err != nil {
			return err
		}
		narrow(where, map[string]string{"integration_id": integrationID})
		list, err = page(t, t.Rows.SyncRuns(), where, "started_at", p, func(r domain.SyncRun) place { return place{r.StartedAt, r.ID} })
		return err
	})
	return list, err
}

// SyncRun reads one.
func (s *Service) SyncRun(ctx context.Context, caller domain.Caller, id string) (run domain.SyncRun, err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		run, err = t.Rows.SyncRuns().Get(id)
		if err != nil || !caller.Sees(run.AccountID) {
			run = domain.SyncRun{}
			return notHere("run", err)
		}
		return nil
	})
	return run, err
}

// Holds lists destructive changes that a guard stopped; integrationID and state
// narrow it.
func (s *Service) Holds(ctx context.Context, caller domain.Caller, integrationID, state string, p Page) (list List[domain.Hold], err error) {
	err = s.paged(ctx, caller, p, func(t *Tx) error {
		where, err := t.scope("")
		if err != nil {
			return err
		}
		narrow(where, map[string]string{"integration_id": integrationID, "state": state})
		list, err = page(t, t.Rows.Holds(), where, "created_at", p, func(h domain.Hold) place { return place{h.CreatedAt, h.ID} })
		return err
	})
	return list, err
}
