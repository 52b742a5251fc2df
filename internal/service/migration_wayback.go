package service

import (
	"fmt"

	"consentry/internal/campaign"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// noWayBack says why a migrated integration cannot go back to its old app now,
// nil if it can. It looks at rows alone; whether Microsoft still lets the old
// app in is tried before the decision is applied.
func (t *Tx) noWayBack(m domain.Migration) (*refusal, error) {
	if !t.Now.Before(m.WayBackUntil.Time) {
		return &refusal{migration.WayBackClosed, fmt.Sprintf("The way back closed on %s. Synchronization goes on through the connector.", noticeDate(m.WayBackUntil.Time))}, nil
	}
	app, err := optional(t.Rows.LegacyApps().Get(m.IntegrationID))
	if err != nil {
		return nil, err
	}
	if app.SecretRef == "" {
		return refused(migration.LegacySecretDead), nil
	}
	if app.SecretEndsAt.Due(t.Now) {
		return &refusal{migration.LegacySecretDead, fmt.Sprintf("The client secret of the old app expired on %s, so there is nothing to go back to. Synchronization goes on through the connector. Enter a new one on the integration's page to go back all the same.", noticeDate(app.SecretEndsAt.Time))}, nil
	}
	past, err := t.pastDate(m)
	if err != nil || !past {
		return nil, err
	}
	return refused(migration.WayBackPastDate), nil
}

// pastDate reports whether the date for the old app has passed.
func (t *Tx) pastDate(m domain.Migration) (bool, error) {
	c, err := t.campaignOf(m)
	if err != nil {
		return false, err
	}
	date := campaign.DateInForce(c, &m)
	return !date.IsZero() && !t.Now.Before(date), nil
}

// oldAppRefused says that Microsoft did not let the old app in when it was asked
// last; nil if nothing speaks against it. A roll-back asks anew, so this only
// explains.
func (t *Tx) oldAppRefused(m domain.Migration) (*refusal, error) {
	app, err := optional(t.Rows.LegacyApps().Get(m.IntegrationID))
	if err != nil || migration.SecretStateOf(app, t.Now) != migration.SecretRefused {
		return nil, err
	}
	return &refusal{migration.LegacySecretDead, "The client secret of the old app " + migration.SecretText(app, t.Now) + "."}, nil
}

// applyRollBack restores how the integration was bound, set and scheduled, and
// ends the attempt. The mirror is not turned back: what happened in the
// directory since then happened, and whoever left must not return. Instead a
// legacy round reads everything; because another app left the mirror as it is,
// what that round would remove is held for a person.
func (t *Tx) applyRollBack(m *domain.Migration, d domain.Decision) (*refusal, error) {
	if no, err := t.noWayBack(*m); no != nil || err != nil {
		return no, err
	}
	app, err := t.Rows.LegacyApps().Get(m.IntegrationID)
	if err != nil {
		return nil, err
	}
	switch tried := migration.OldApp(app.ProbeVerdict); {
	case app.ProbedAt.Before(d.GivenAt.Time): // the engine dropped the call: nobody has asked
		return refused(migration.OldAppNotAsked), nil
	case tried == migration.OldAppUnknown:
		return refused(migration.OldAppNotTried), nil
	case tried != migration.OldAppWorks:
		return &refusal{migration.LegacySecretDead, migration.Text(migration.LegacySecretDead) + " What Microsoft says: " + migration.OldAppText(tried, app.ProbeCode) + "."}, nil
	}
	snap, err := t.Rows.Snapshots().Get(m.ID)
	if err != nil {
		return nil, err
	}
	i, err := t.goBack(*m, snap)
	if err != nil {
		return nil, err
	}
	if err := t.end(m, domain.RolledBack, map[string]string{"decision": d.ID}); err != nil {
		return nil, err
	}
	if err := t.Notify(rolledBack(*m, i, d.Detail.Reason)); err != nil {
		return nil, err
	}
	return nil, t.startSync(i, domain.RunScheduled)
}

// goBack binds the integration to its old app again. The next round is due at
// once, so that a sweep finds it should the engine lose the start.
func (t *Tx) goBack(m domain.Migration, snap domain.CutOverSnapshot) (domain.Integration, error) {
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	if err != nil {
		return i, err
	}
	if err := t.StopOpenRun(i.ID, contract.SyncBindingChanged); err != nil {
		return i, err
	}
	if err := t.dropConnectorLinks(i); err != nil {
		return i, err
	}
	i.Binding, i.ConnectorID, i.Settings, i.Schedule = snap.Binding, snap.ConnectorID, snap.Settings, snap.Schedule
	i.Epoch++
	i.NextDueAt = t.At()
	if err := t.setCondition(&i, domain.ConditionOK, "", ""); err != nil {
		return i, err
	}
	if err := t.Rows.Integrations().Update(&i); err != nil {
		return i, err
	}
	return i, t.Done(m.AccountID, "bind-legacy-again", "integration", i.ID, map[string]string{"migration": m.ID})
}

// dropConnectorLinks forgets where the connector's app had read to: a later
// attempt proves anew and begins there.
func (t *Tx) dropConnectorLinks(i domain.Integration) error {
	c, err := optional(t.Rows.Connectors().Get(i.ConnectorID))
	if err != nil || c.ID == "" {
		return err
	}
	cell, err := t.Rows.Cells().Get(c.CellID)
	if err != nil {
		return err
	}
	return t.Mirror().DropLinks(i.ID, cell.ClientID)
}
