package service

import (
	"strconv"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

// codeAccountDeleted marks integrations of a deleted account, which are switched
// off until their rows are gone.
const codeAccountDeleted = "account-deleted"

// beginDeletion is the first batch. From here nobody may add anything to the
// account: every command that would asks gone() or needs the account's row.
func (t *Tx) beginDeletion(d *domain.AccountDeletion) error {
	d.State, d.BeganAt, d.EvidenceUntil, d.Deleted = domain.DeletionBegun, t.At(), t.In(t.leaving.EvidenceFor), map[string]int64{}
	if err := t.Audit(d.ID, "begin-deletion", d.ID, "done", "", nil); err != nil {
		return err
	}
	n, err := t.Rows.Accounts().Delete(By(Where{"id": d.ID}))
	counted(d, "accounts", n)
	return err
}

// gone reports whether an account's deletion has begun.
func (t *Tx) gone(accountID string) (bool, error) {
	d, err := optional(t.Rows.AccountDeletions().Get(accountID))
	return d.Closed(), err
}

// closeBatch ends the first things of the account that could still do something,
// and reports how many it found. People and keys come first, so that nobody acts
// on the rest.
func (t *Tx) closeBatch(d *domain.AccountDeletion) (int, error) {
	of := Where{"account_id": d.ID}
	for _, part := range []func() (int, error){
		func() (int, error) { return t.closePeople(d) },
		func() (int, error) {
			return t.dropSome(d, "tokens", func() (int, error) { return some(t, t.Rows.Tokens(), of, func(r domain.Token) string { return r.ID }) })
		},
		func() (int, error) {
			return t.dropSome(d, "invitations", func() (int, error) {
				return some(t, t.Rows.Invitations(), of, func(r domain.Invitation) string { return r.ID })
			})
		},
		func() (int, error) {
			return t.dropSome(d, "contacts", func() (int, error) {
				return some(t, t.Rows.Contacts(), of, func(r domain.Contact) string { return r.ID })
			})
		},
		func() (int, error) {
			return t.dropSome(d, "tenant-uses", func() (int, error) {
				return some(t, t.Rows.TenantUses(), of, func(r domain.TenantUse) string { return r.ID })
			})
		},
		func() (int, error) { return t.closeRuns(d) },
		func() (int, error) { return t.closeIntegrations(d) },
		func() (int, error) { return t.closeCalls(d) },
		func() (int, error) { return t.closeMigrations(d) },
		func() (int, error) { return t.closeConnectors(d) },
		func() (int, error) { // a browser that is still on its way to Microsoft finds nothing it belongs to
			return t.dropSome(d, "consent-sessions", func() (int, error) {
				return some(t, t.ConsentSessions(), Where{"account_id": d.ID, "outcome": string(domain.ConsentOpen)}, func(r domain.ConsentSession) string { return r.ID })
			})
		},
	} {
		if n, err := part(); err != nil || n > 0 {
			return n, err
		}
	}
	return 0, nil
}

func (t *Tx) dropSome(d *domain.AccountDeletion, kind string, take func() (int, error)) (int, error) {
	n, err := take()
	counted(d, kind, n)
	return n, err
}

// closeRuns ends runs that are at work. What they staged goes in batches later.
func (t *Tx) closeRuns(d *domain.AccountDeletion) (int, error) {
	open, err := t.Rows.SyncRuns().List(Query{
		Where: Where{"account_id": d.ID, "state": []string{string(domain.RunReading), string(domain.RunApplying)}}, Order: []string{"id"}, Limit: t.leaving.Batch,
	})
	if err != nil {
		return 0, err
	}
	for _, run := range open {
		if err := t.endRun(&run, domain.RunStopped, contract.SyncDisabled, syncText(contract.SyncDisabled)); err != nil {
			return 0, err
		}
	}
	return len(open), nil
}

// closeIntegrations switches integrations off under a new epoch and destroys what
// they signed in with.
func (t *Tx) closeIntegrations(d *domain.AccountDeletion) (int, error) {
	integrations, err := t.Rows.Integrations().List(Query{Where: Where{"account_id": d.ID, "condition_code <>": codeAccountDeleted}, Order: []string{"id"}, Limit: t.leaving.Batch})
	if err != nil {
		return 0, err
	}
	for _, i := range integrations {
		app, err := optional(t.Rows.LegacyApps().Get(i.ID))
		if err != nil {
			return 0, err
		}
		secrets, err := t.Rows.Secrets().Delete(By(Where{"id": app.SecretRef}))
		if err != nil {
			return 0, err
		}
		apps, err := t.Rows.LegacyApps().Delete(By(Where{"id": i.ID}))
		if err != nil {
			return 0, err
		}
		counted(d, "secrets", secrets)
		counted(d, "legacy-apps", apps)
		i.Name, i.TenantDomain, i.ConditionText = i.ID, "", "" // names are unique in an account
		i.Epoch++
		i.NextDueAt, i.Condition, i.ConditionSince, i.ConditionCode = domain.Instant{}, domain.ConditionDisabled, t.At(), codeAccountDeleted
		if err := t.Rows.Integrations().Update(&i); err != nil {
			return 0, err
		}
	}
	return len(integrations), nil
}

// closeCalls drops calls that the engine has not taken: they go nowhere.
func (t *Tx) closeCalls(d *domain.AccountDeletion) (int, error) {
	waiting, err := t.Rows.EngineCalls().List(Query{Where: Where{"account_id": d.ID, "state": "waiting"}, Order: []string{"id"}, Limit: t.leaving.Batch})
	if err != nil {
		return 0, err
	}
	for _, call := range waiting {
		call.State, call.LastError = "dropped", "the account was deleted"
		if err := t.Rows.EngineCalls().Update(&call); err != nil {
			return 0, err
		}
	}
	return len(waiting), nil
}

// closeMigrations ends the workflows that still wait, those of ways back and of
// clean-ups, and forgets every attempt with what it would have gone back to.
func (t *Tx) closeMigrations(d *domain.AccountDeletion) (int, error) {
	some, err := t.Rows.Migrations().List(Query{Where: Where{"account_id": d.ID}, Order: []string{"id"}, Limit: t.leaving.Batch})
	if err != nil || len(some) == 0 {
		return 0, err
	}
	ids := make([]string, 0, len(some))
	for _, m := range some {
		ids = append(ids, m.ID)
		if !m.Open {
			continue
		}
		// It may be taken after the account's last row: it belongs to nobody.
		if err := t.Call(domain.CallCancel, "", contract.MigrationID(m.IntegrationID), "", m.ID, nil); err != nil {
			return 0, err
		}
	}
	snapshots, err := t.Rows.Snapshots().Delete(By(Where{"id": ids}))
	if err != nil {
		return 0, err
	}
	counted(d, "snapshots", snapshots)
	n, err := t.Rows.Migrations().Delete(By(Where{"id": ids}))
	counted(d, "migrations", n)
	return n, err
}

// closeConnectors lets connectors go and keeps of them what proves their consent:
// ids and dates.
func (t *Tx) closeConnectors(d *domain.AccountDeletion) (int, error) {
	connectors, err := t.Rows.Connectors().List(Query{Where: Where{"account_id": d.ID, "name <>": ""}, Order: []string{"id"}, Limit: t.leaving.Batch})
	if err != nil {
		return 0, err
	}
	for _, c := range connectors {
		if c.DisconnectedAt.IsZero() {
			c.DisconnectedAt, c.DisconnectedBy, c.EvidenceUntil = t.At(), d.RequestedBy, d.EvidenceUntil
		}
		c.Name, c.Description, c.ConditionText, c.ReconnectText, c.ReconnectSession = "", "", "", "", ""
		c.UpdatedAt = t.At()
		if err := t.Rows.Connectors().Update(&c); err != nil {
			return 0, err
		}
		cell, err := optional(t.Rows.Cells().Get(c.CellID))
		if err != nil {
			return 0, err
		}
		d.Kept = append(d.Kept, domain.KeptEvidence{ConnectorID: c.ID, TenantID: c.TenantID, ApplicationID: cell.ClientID, Until: c.EvidenceUntil})
		cs, err := t.ConsentSessions().Get(c.ConsentSessionID)
		if domain.IsNotFound(err) {
			continue
		}
		if err != nil {
			return 0, err
		}
		cs.Code, cs.Text, cs.StartDigest, cs.CookieDigest, cs.NextCheckAt = "", "", "", "", domain.Instant{}
		spendLeg(&cs)
		if err := t.ConsentSessions().Update(&cs); err != nil {
			return 0, err
		}
	}
	return len(connectors), nil
}

// closePeople takes roles in the account; who has no other goes, too.
func (t *Tx) closePeople(d *domain.AccountDeletion) (int, error) {
	grants, err := t.Rows.Grants().List(Query{Where: Where{"account_id": d.ID}, Order: []string{"id"}, Limit: t.leaving.Batch})
	if err != nil {
		return 0, err
	}
	for _, g := range grants {
		n, err := t.Rows.Grants().Delete(By(Where{"id": g.ID}))
		if err != nil {
			return 0, err
		}
		counted(d, "grants", n)
		if err := t.closePerson(d, g.PersonID); err != nil {
			return 0, err
		}
	}
	return len(grants), nil
}

func (t *Tx) closePerson(d *domain.AccountDeletion, id string) error {
	person, err := t.Rows.People().Get(id)
	if err != nil {
		return err
	}
	if err := t.endBeyond(person); err != nil {
		return err
	}
	left, err := t.Rows.Grants().Count(By(Where{"person_id": person.ID}))
	if err != nil || left > 0 {
		return err
	}
	sessions, err := t.Rows.Sessions().Delete(By(Where{"person_id": person.ID}))
	if err != nil {
		return err
	}
	counted(d, "sessions", sessions)
	gone, err := t.Rows.People().Delete(By(Where{"id": person.ID}))
	counted(d, "people", gone)
	return err
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
