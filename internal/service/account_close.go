package service

import (
	"strconv"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

// closeAccount is the first batch of a deletion, after which the account exists
// for nobody: nothing of it can be read, synchronized, signed in to or decided.
// All that is small goes here. What is large is left for the batches that follow,
// and nothing adds to it: runs are closed and integrations are switched off under
// a new epoch.
func (t *Tx) closeAccount(d *domain.AccountDeletion) error {
	d.State, d.BeganAt, d.EvidenceUntil, d.Deleted = domain.DeletionBegun, t.At(), t.In(t.leaving.EvidenceFor), map[string]int64{}
	if err := t.Audit(d.ID, "begin-deletion", d.ID, "done", "", nil); err != nil {
		return err
	}
	for _, part := range []func(*domain.AccountDeletion) error{t.closeIntegrations, t.closeMigrations, t.closeConnectors, t.closePeople, t.closeRows} {
		if err := part(d); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) closeIntegrations(d *domain.AccountDeletion) error {
	open, err := t.Rows.SyncRuns().List(By(Where{"account_id": d.ID, "state": []string{string(domain.RunReading), string(domain.RunApplying)}}))
	if err != nil {
		return err
	}
	for _, run := range open {
		if err := t.closeRun(&run, domain.RunStopped, contract.SyncDisabled, syncText(contract.SyncDisabled)); err != nil {
			return err
		}
	}
	integrations, err := t.Rows.Integrations().List(By(Where{"account_id": d.ID}))
	if err != nil {
		return err
	}
	for _, i := range integrations {
		app, err := optional(t.Rows.LegacyApps().Get(i.ID))
		if err != nil {
			return err
		}
		secrets, err := t.Rows.Secrets().Delete(By(Where{"id": app.SecretRef}))
		if err != nil {
			return err
		}
		apps, err := t.Rows.LegacyApps().Delete(By(Where{"id": i.ID}))
		if err != nil {
			return err
		}
		snapshots, err := t.Rows.Snapshots().Delete(By(Where{"integration_id": i.ID}))
		if err != nil {
			return err
		}
		counted(d, "secrets", secrets)
		counted(d, "legacy-apps", apps)
		counted(d, "snapshots", snapshots)
		i.Name, i.TenantDomain, i.ConditionText = i.ID, "", "" // names are unique in an account
		i.Epoch++
		i.NextDueAt, i.Condition, i.ConditionSince, i.ConditionCode = domain.Instant{}, domain.ConditionDisabled, t.At(), contract.SyncDisabled
		if err := t.Rows.Integrations().Update(&i); err != nil {
			return err
		}
	}
	return nil
}

// closeMigrations ends the workflows that still wait, those of ways back and of
// clean-ups, and forgets every attempt. Calls nobody has taken go nowhere.
func (t *Tx) closeMigrations(d *domain.AccountDeletion) error {
	waiting, err := t.Rows.EngineCalls().List(By(Where{"account_id": d.ID, "state": "waiting"}))
	if err != nil {
		return err
	}
	for _, call := range waiting {
		call.State, call.LastError = "dropped", "the account was deleted"
		if err := t.Rows.EngineCalls().Update(&call); err != nil {
			return err
		}
	}
	open, err := t.Rows.Migrations().List(By(Where{"account_id": d.ID, "open": true}))
	if err != nil {
		return err
	}
	for _, m := range open {
		// It may be taken after the account's last row: it belongs to nobody.
		if err := t.Call(domain.CallCancel, "", contract.MigrationID(m.IntegrationID), "", m.ID, nil); err != nil {
			return err
		}
	}
	n, err := t.Rows.Migrations().Delete(By(Where{"account_id": d.ID}))
	counted(d, "migrations", n)
	return err
}

// closeConnectors lets every connector go and keeps of it what proves its
// consent: ids and dates.
func (t *Tx) closeConnectors(d *domain.AccountDeletion) error {
	connectors, err := t.Rows.Connectors().List(Query{Where: Where{"account_id": d.ID}, Order: []string{"id"}})
	if err != nil {
		return err
	}
	for _, c := range connectors {
		if c.DisconnectedAt.IsZero() {
			c.DisconnectedAt, c.DisconnectedBy, c.EvidenceUntil = t.At(), d.RequestedBy, d.EvidenceUntil
		}
		c.Name, c.Description, c.ConditionText, c.ReconnectText, c.ReconnectSession = "", "", "", "", ""
		c.UpdatedAt = t.At()
		if err := t.Rows.Connectors().Update(&c); err != nil {
			return err
		}
		cell, err := optional(t.Rows.Cells().Get(c.CellID))
		if err != nil {
			return err
		}
		d.Kept = append(d.Kept, domain.KeptEvidence{ConnectorID: c.ID, TenantID: c.TenantID, ApplicationID: cell.ClientID, Until: c.EvidenceUntil})
		cs, err := t.ConsentSessions().Get(c.ConsentSessionID)
		if domain.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		cs.Code, cs.Text, cs.StartDigest, cs.CookieDigest, cs.NextCheckAt = "", "", "", "", domain.Instant{}
		spendLeg(&cs)
		if err := t.ConsentSessions().Update(&cs); err != nil {
			return err
		}
	}
	// A browser that is still on its way to Microsoft finds nothing it belongs to.
	n, err := t.ConsentSessions().Delete(By(Where{"account_id": d.ID, "outcome": string(domain.ConsentOpen)}))
	counted(d, "consent-sessions", n)
	return err
}

// closePeople takes every role in the account; who has no other goes, too.
func (t *Tx) closePeople(d *domain.AccountDeletion) error {
	grants, err := t.Rows.Grants().List(By(Where{"account_id": d.ID}))
	if err != nil {
		return err
	}
	n, err := t.Rows.Grants().Delete(By(Where{"account_id": d.ID}))
	if err != nil {
		return err
	}
	counted(d, "grants", n)
	seen := map[string]bool{}
	for _, g := range grants {
		if seen[g.PersonID] {
			continue
		}
		seen[g.PersonID] = true
		person, err := t.Rows.People().Get(g.PersonID)
		if err != nil {
			return err
		}
		if err := t.endBeyond(person); err != nil {
			return err
		}
		left, err := t.Rows.Grants().Count(By(Where{"person_id": person.ID}))
		if err != nil {
			return err
		}
		if left > 0 {
			continue
		}
		sessions, err := t.Rows.Sessions().Delete(By(Where{"person_id": person.ID}))
		if err != nil {
			return err
		}
		counted(d, "sessions", sessions)
		gone, err := t.Rows.People().Delete(By(Where{"id": person.ID}))
		if err != nil {
			return err
		}
		counted(d, "people", gone)
	}
	return nil
}

func (t *Tx) closeRows(d *domain.AccountDeletion) error {
	of := By(Where{"account_id": d.ID})
	for _, kind := range []struct {
		name string
		drop func(Query) (int, error)
		q    Query
	}{
		{"tokens", t.Rows.Tokens().Delete, of},
		{"invitations", t.Rows.Invitations().Delete, of},
		{"contacts", t.Rows.Contacts().Delete, of},
		{"tenant-uses", t.Rows.TenantUses().Delete, of},
		{"accounts", t.Rows.Accounts().Delete, By(Where{"id": d.ID})},
	} {
		n, err := kind.drop(kind.q)
		if err != nil {
			return err
		}
		counted(d, kind.name, n)
	}
	return nil
}

func counted(d *domain.AccountDeletion, kind string, n int) {
	if n > 0 {
		d.Deleted[kind] += int64(n)
	}
}

// numbers writes counts as the detail of an audit entry.
func numbers(counts map[string]int64) map[string]string {
	out := map[string]string{}
	for kind, n := range counts {
		out[kind] = strconv.FormatInt(n, 10)
	}
	return out
}
