package service

import (
	"consentry/internal/consent"
	"consentry/internal/domain"
)

// consentSubject is what a consent session is for: a migration that waits for
// its consent, or a connector that is connected anew. The rules of the two legs
// are the same for both; what follows them differs.
type consentSubject struct {
	migration *domain.Migration
	connector *domain.Connector
}

func (t *Tx) subjectOf(cs domain.ConsentSession) (consentSubject, error) {
	if cs.ConnectorID != "" {
		c, err := t.Rows.Connectors().Get(cs.ConnectorID)
		return consentSubject{connector: &c}, err
	}
	m, err := t.Rows.Migrations().Get(cs.MigrationID)
	return consentSubject{migration: &m}, err
}

// waits says why the subject takes no consent now; nil: it does.
func (c consentSubject) waits() *domain.Error {
	if c.connector != nil {
		return waitsForReconnect(*c.connector)
	}
	return waitsForConsent(*c.migration)
}

// fail keeps on the subject why the last consent came to nothing.
func (t *Tx) failSubject(c consentSubject, code, text string) error {
	if code == consent.CodeTenantShared {
		if err := t.tellTenantShared(c); err != nil {
			return err
		}
	}
	if c.connector != nil {
		return t.reconnectFailed(c.connector, code, text)
	}
	return t.ConsentFailed(c.migration, code, text)
}

// grantSubject takes the verified session for the subject.
func (t *Tx) grantSubject(c consentSubject, cs domain.ConsentSession) error {
	if c.connector != nil {
		return t.reconnectGranted(c.connector, cs)
	}
	return t.ConsentGranted(c.migration, cs)
}

// about names the subject of a session for audit and change log.
func about(cs domain.ConsentSession) (kind, id string) {
	if cs.ConnectorID != "" {
		return "connector", cs.ConnectorID
	}
	return "migration", cs.MigrationID
}

// openConsentsOf selects the sessions of the same subject that are still open.
func openConsentsOf(cs domain.ConsentSession) Query {
	return By(Where{"migration_id": cs.MigrationID, "connector_id": cs.ConnectorID, "outcome": string(domain.ConsentOpen)})
}
