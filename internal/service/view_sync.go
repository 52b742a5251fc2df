package service

import (
	"context"
	"time"

	"consentry/internal/domain"
)

// ViewIntegration is one directory synchronization with how it fares.
type ViewIntegration struct {
	Integration domain.Integration
	Connector   domain.Connector // zero while bound to legacy
	Legacy      domain.LegacyApp
	Secret      ViewSecret     // of the old app
	LastRun     domain.SyncRun // the latest that ended; zero: none did
	OpenRun     domain.SyncRun // zero: none
	Task        ViewTask       // its open migration; zero: none
	Holds       int            // destructive changes that wait for a person
}

// ViewSync is the Directory synchronization page.
type ViewSync struct {
	ViewShell
	Integrations []ViewIntegration
	History      []domain.SyncRun // latest first, of all integrations
}

// How many runs the overview and an integration's own page list.
const (
	viewRunsOverview = 20
	viewRunsPage     = 50
	viewHoldsPage    = 200
)

// ViewSync reads an account's integrations and their latest runs.
func (s *Service) ViewSync(ctx context.Context, caller domain.Caller, accountID string) (ViewSync, error) {
	var v ViewSync
	err := s.Read(ctx, caller, func(tx *Tx) (err error) {
		if v.ViewShell, err = tx.viewShell(accountID); err != nil {
			return err
		}
		list, err := tx.Integrations().List(Query{Where: Where{"account_id": accountID}, Order: []string{"name", "id"}})
		if err != nil {
			return err
		}
		for _, i := range list {
			one, err := tx.viewIntegration(i)
			if err != nil {
				return err
			}
			v.Integrations = append(v.Integrations, one)
		}
		v.History, err = tx.SyncRuns().List(Query{Where: Where{"account_id": accountID}, Order: []string{"-started_at", "-id"}, Limit: viewRunsOverview})
		return err
	})
	return v, err
}

// ViewSyncPage is one integration's page.
type ViewSyncPage struct {
	ViewShell
	ViewIntegration
	History []domain.SyncRun
	Held    []domain.Hold // still undecided
	// Deciders are who of the account may migrate, and so enter a secret.
	Deciders []string
}

// ViewIntegration reads one integration with its history and holds.
func (s *Service) ViewIntegration(ctx context.Context, caller domain.Caller, id string) (ViewSyncPage, error) {
	var v ViewSyncPage
	err := s.Read(ctx, caller, func(tx *Tx) error {
		i, err := tx.Integrations().Get(id)
		if err != nil || !caller.Sees(i.AccountID) {
			return notHere("integration", err)
		}
		if v.ViewShell, err = tx.viewShell(i.AccountID); err != nil {
			return err
		}
		if v.ViewIntegration, err = tx.viewIntegration(i); err != nil {
			return err
		}
		if v.Deciders, err = tx.viewHolders(i.AccountID, domain.RoleMigrate); err != nil {
			return err
		}
		v.History, err = tx.SyncRuns().List(Query{Where: Where{"integration_id": id}, Order: []string{"-started_at", "-id"}, Limit: viewRunsPage})
		if err != nil {
			return err
		}
		v.Held, err = tx.Holds().List(Query{Where: Where{"integration_id": id, "state": "held"}, Order: []string{"created_at", "id"}, Limit: viewHoldsPage})
		return err
	})
	return v, err
}

func (t *Tx) viewIntegration(i domain.Integration) (ViewIntegration, error) {
	v := ViewIntegration{Integration: i}
	_, err := t.integrationAsOfNow(&v.Integration)
	if err != nil {
		return v, err
	}
	if v.Connector, err = optional(t.Connectors().Get(i.ConnectorID)); err != nil {
		return v, err
	}
	if v.Legacy, err = optional(t.LegacyApps().Get(i.ID)); err != nil {
		return v, err
	}
	if v.Secret, err = t.viewSecret(v.Integration, v.Legacy); err != nil {
		return v, err
	}
	v.Legacy.SecretRef = ""
	// A shadow run reads for a migration and changes nothing: it is no result.
	counted := []string{string(domain.RunScheduled), string(domain.RunManual), string(domain.RunLegacy), string(domain.RunFirst)}
	latest := []string{"-started_at", "-id"}
	if v.LastRun, err = optional(t.SyncRuns().Find(Query{Where: Where{"integration_id": i.ID, "open": false, "purpose": counted}, Order: latest, Limit: 1})); err != nil {
		return v, err
	}
	if v.OpenRun, err = optional(t.SyncRuns().Find(By(Where{"integration_id": i.ID, "open": true}))); err != nil {
		return v, err
	}
	if v.Holds, err = t.Holds().Count(By(Where{"integration_id": i.ID, "state": "held"})); err != nil {
		return v, err
	}
	m, err := optional(t.Migrations().Find(By(Where{"integration_id": i.ID, "open": true})))
	if err != nil || m.ID == "" {
		return v, err
	}
	v.Task, err = t.viewTask(m, map[string]domain.Campaign{})
	return v, err
}

// Took is how long a run has taken, until now for one that has not ended.
func Took(r domain.SyncRun, now time.Time) time.Duration {
	end := r.FinishedAt.Time
	if end.IsZero() {
		end = now
	}
	return max(0, end.Sub(r.StartedAt.Time))
}
