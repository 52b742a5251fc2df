package service

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"consentry/internal/domain"
)

// ViewCertificate is what may be known of the certificate a cell signs with.
type ViewCertificate struct {
	Active    domain.Credential // zero: the cell has none yet
	Rotations []domain.Credential
}

// ViewConnector is one connector with its certificate and what uses it.
type ViewConnector struct {
	Connector    domain.Connector
	Cell         domain.Cell
	Certificate  ViewCertificate
	Integrations []domain.Integration
	TenantDomain string
}

// ViewConnectors is the Connectors page.
type ViewConnectors struct {
	ViewShell
	Connectors   []ViewConnector
	Integrations int // of the account
	Done         []ViewTask
	Left         []ViewTask // on the old app, with no attempt open
}

// ViewConnectors reads the account's connectors and the migrations that lead to
// them.
func (s *Service) ViewConnectors(ctx context.Context, caller domain.Caller, accountID string) (ViewConnectors, error) {
	var v ViewConnectors
	err := s.Read(ctx, caller, func(tx *Tx) (err error) {
		if v.ViewShell, err = tx.viewShell(accountID); err != nil {
			return err
		}
		integrations, err := tx.Integrations().List(By(Where{"account_id": accountID}))
		if err != nil {
			return err
		}
		v.Integrations = len(integrations)
		connectors, err := tx.Connectors().List(Query{Where: Where{"account_id": accountID}, Order: []string{"name", "id"}})
		if err != nil {
			return err
		}
		for _, c := range connectors {
			one, err := tx.viewConnector(c, integrations)
			if err != nil {
				return err
			}
			v.Connectors = append(v.Connectors, one)
		}
		if v.Done, err = tx.viewReceipts(accountID); err != nil {
			return err
		}
		v.Left, err = tx.viewLeft(accountID, integrations)
		return err
	})
	return v, err
}

// viewReceipts lists migrations that are done but whose receipt still
// recommends something, the latest first.
func (t *Tx) viewReceipts(accountID string) ([]ViewTask, error) {
	open, err := t.Migrations().List(Query{Where: Where{"account_id": accountID, "open": true}, Order: []string{"-migrated_at", "id"}})
	if err != nil {
		return nil, err
	}
	campaigns := map[string]domain.Campaign{}
	var done []ViewTask
	for _, m := range open {
		if !m.Phase.Switched() {
			continue
		}
		task, err := t.viewTask(m, campaigns)
		if err != nil {
			return nil, err
		}
		done = append(done, task)
	}
	return done, nil
}

// viewLeft lists the latest attempts of integrations that are on their old app
// with no attempt open: cancelled or rolled back, to be started again.
func (t *Tx) viewLeft(accountID string, integrations []domain.Integration) ([]ViewTask, error) {
	all, err := t.Migrations().List(Query{Where: Where{"account_id": accountID}, Order: []string{"-started_at", "-id"}})
	if err != nil {
		return nil, err
	}
	latest := map[string]domain.Migration{}
	for _, m := range all {
		if known, ok := latest[m.IntegrationID]; !ok || m.Open && !known.Open {
			latest[m.IntegrationID] = m
		}
	}
	campaigns := map[string]domain.Campaign{}
	var left []ViewTask
	for _, i := range integrations {
		m, ok := latest[i.ID]
		if !ok || m.Open || i.Binding != domain.BoundLegacy {
			continue
		}
		task, err := t.viewTask(m, campaigns)
		if err != nil {
			return nil, err
		}
		task.Migration.Overdue, task.GraceUntil = t.overdue(i, &task.Campaign, &m) // the mark of an attempt that has ended is nobody's to keep
		left = append(left, task)
	}
	return left, nil
}

// ViewConnectorPage is one connector's page.
type ViewConnectorPage struct {
	ViewShell
	ViewConnector
	Consent  domain.ConsentSession // the evidence; zero when it was erased
	Session  domain.ConsentSession // the latest that was begun to connect it anew
	Deciders []string              // who of the account may do that
}

// ViewConnector reads one connector.
func (s *Service) ViewConnector(ctx context.Context, caller domain.Caller, id string) (ViewConnectorPage, error) {
	var v ViewConnectorPage
	err := s.Read(ctx, caller, func(tx *Tx) error {
		c, err := tx.Connectors().Get(id)
		if err != nil || !caller.Sees(c.AccountID) {
			return notHere("connector", err)
		}
		if v.ViewShell, err = tx.viewShell(c.AccountID); err != nil {
			return err
		}
		integrations, err := tx.Integrations().List(By(Where{"account_id": c.AccountID}))
		if err != nil {
			return err
		}
		if v.ViewConnector, err = tx.viewConnector(c, integrations); err != nil {
			return err
		}
		if v.Consent, err = optional(tx.ConsentSessions().Get(c.ConsentSessionID)); err != nil {
			return err
		}
		if v.Session, err = tx.viewSession(Where{"connector_id": c.ID}); err != nil {
			return err
		}
		v.Deciders, err = tx.viewHolders(c.AccountID, domain.RoleMigrate)
		return err
	})
	return v, err
}

func (t *Tx) viewConnector(c domain.Connector, integrations []domain.Integration) (ViewConnector, error) {
	v := ViewConnector{Connector: c}
	var err error
	if v.Cell, err = optional(t.Cells().Get(c.CellID)); err != nil {
		return v, err
	}
	if v.Certificate, err = t.viewCertificate(c.CellID); err != nil {
		return v, err
	}
	for _, i := range integrations {
		if i.TenantID == c.TenantID && v.TenantDomain == "" {
			v.TenantDomain = i.TenantDomain
		}
		if i.ConnectorID == c.ID {
			v.Integrations = append(v.Integrations, i)
		}
	}
	slices.SortFunc(v.Integrations, func(a, b domain.Integration) int { return cmp.Compare(a.Name, b.Name) })
	return v, nil
}

// viewRotations is how many past certificates a connector's page lists.
const viewRotations = 7

func (t *Tx) viewCertificate(cellID string) (ViewCertificate, error) {
	var v ViewCertificate
	list, err := t.Credentials().List(Query{Where: Where{"cell_id": cellID, "activated_at >": domain.Instant{}}, Order: []string{"-activated_at", "id"}, Limit: viewRotations})
	if err != nil {
		return v, err
	}
	v.Rotations = list
	for i := range list {
		list[i].CertificateDER, list[i].SecretRef = nil, "" // no page needs them
		if list[i].State == domain.CredentialActive && v.Active.ID == "" {
			v.Active = list[i]
		}
	}
	return v, nil
}

// notHere turns "not found" and "not yours" into the same answer.
func notHere(what string, err error) error {
	if err == nil || domain.IsNotFound(err) {
		return domain.Missing(what)
	}
	return err
}

// optional lets a row be absent: the zero value stands for it.
func optional[T any](row T, err error) (T, error) {
	if domain.IsNotFound(err) {
		var zero T
		return zero, nil
	}
	return row, err
}

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(strings.TrimSpace(part)))
}
