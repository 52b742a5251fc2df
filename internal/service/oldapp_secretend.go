package service

import (
	"errors"
	"fmt"
	"time"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

// ViewSecret is how the client secret of an integration's old app fares.
type ViewSecret struct {
	State migration.SecretState
	Text  string // what follows "the client secret"
	Gone  bool   // the tenant does not know the app any more
	Not   string // what is wrong instead, where another secret would change nothing; "": one could
	No    string // why a new one would do nothing now; "": it may be entered
}

// viewSecret reads it; the integration is as of now, and app the row as it is
// stored. What never had an old app has no secret to speak of.
func (t *Tx) viewSecret(i domain.Integration, app domain.LegacyApp) (v ViewSecret, err error) {
	if app.ID == "" {
		return v, nil
	}
	v.State, v.Text = migration.SecretStateOf(app, t.Now), migration.SecretText(app, t.Now)
	if !migration.OtherSecretHelps(app, t.Now) {
		v.Gone, v.Not = migration.OldApp(app.ProbeVerdict) == migration.OldAppGone, migration.OldAppText(migration.OldApp(app.ProbeVerdict), app.ProbeCode)
	}
	no := t.secretHasUse(i, app)
	if refusal, ok := errors.AsType[*domain.Error](no); ok && refusal.Kind != domain.Unavailable {
		v.No, no = refusal.Message, nil
	}
	return v, no
}

// viewSecretOf is viewSecret beside a migration. One before the switch has put
// its integration as of now (see asOfNow); any other says nothing of the date.
func (t *Tx) viewSecretOf(m domain.Migration, i *domain.Integration, app domain.LegacyApp) (ViewSecret, error) {
	if !migration.BeforeCutOver(m.Phase) {
		if _, err := t.integrationAsOfNow(i); err != nil {
			return ViewSecret{}, err
		}
	}
	return t.viewSecret(*i, app)
}

// secretFact names the end of the old app's secret where it decides something:
// it comes before the date in force or the end of the way back, or it is there.
func (t *Tx) secretFact(e *Explanation) error {
	app, err := optional(t.Rows.LegacyApps().Get(e.Integration.ID))
	if err != nil || app.ID == "" {
		return err
	}
	until := e.DateInForce
	if e.Integration.Binding != domain.BoundLegacy {
		if e.Migration.Phase != domain.Migrated {
			return nil
		}
		until = e.Migration.WayBackUntil.Time
	}
	state := migration.SecretStateOf(app, t.Now)
	before := !app.SecretEndsAt.IsZero() && (until.IsZero() || app.SecretEndsAt.Before(until))
	if state == migration.SecretEnding && before || state == migration.SecretGood && before && !until.IsZero() ||
		state == migration.SecretUntried || state == migration.SecretRefused || state == migration.SecretEnded {
		e.Facts = append(e.Facts, Fact{Name: "Old app's secret", Value: migration.SecretText(app, t.Now)})
	}
	return nil
}

// presentSecret adds when the secret of an integration's old app ends that it
// synchronizes by, or could again, or that it has ended.
func (t *Tx) presentSecret(s *migration.Situation, i domain.Integration) error {
	app, err := optional(t.Rows.LegacyApps().Get(i.ID))
	switch migration.SecretStateOf(app, t.Now) {
	case migration.SecretUntried, migration.SecretEnding, migration.SecretGood:
		s.SecretEnds = app.SecretEndsAt.Time
	case migration.SecretEnded:
		s.SecretOver, s.NewSecret = app.SecretEndsAt.Time, true
	case migration.SecretRefused:
		s.OldAppGone = migration.OldApp(app.ProbeVerdict) == migration.OldAppGone
		s.NewSecret = migration.OtherSecretHelps(app, t.Now)
	case migration.SecretNone:
	}
	return err
}

// tellSecretEnd tells the account once for each warning before the secret that
// its integration synchronizes by ends, and at its end.
func (t *Tx) tellSecretEnd(i domain.Integration) error {
	if i.Binding != domain.BoundLegacy {
		return nil
	}
	app, err := optional(t.Rows.LegacyApps().Get(i.ID))
	if err != nil || app.SecretRef == "" {
		return err
	}
	rung := migration.SecretRung(app.SecretEndsAt.Time, t.Now)
	if rung == 0 {
		return nil
	}
	m, err := optional(t.Rows.Migrations().Find(By(Where{"integration_id": i.ID, "open": true})))
	if err != nil {
		return err
	}
	return t.Notify(secretEnds(i, m, app, rung, t.Now))
}

func secretEnds(i domain.Integration, m domain.Migration, app domain.LegacyApp, rung int, now time.Time) domain.Notice {
	ends := noticeDate(app.SecretEndsAt.Time)
	title, then := "The old app's secret of "+i.Name+" ends on "+ends, "is to end on "+ends+"; synchronization stops then"
	if app.SecretEndsAt.Due(now) {
		title, then = "The old app's secret of "+i.Name+" has ended", "ended on "+ends+", as we were told; without a new one synchronization stops"
	}
	return domain.Notice{
		AccountID: i.AccountID, MigrationID: m.ID, Kind: "legacy-secret-ends", Key: fmt.Sprintf("legacy-secret-ends/%s/%d/%d", i.ID, app.SecretEndsAt.Unix(), rung),
		Title: title,
		Body: fmt.Sprintf("The client secret of the app registration %q (application id %s) in the tenant %s %s, and nothing is deleted. Migrate %s to a connector, which needs no secret, or enter a new secret of the same app on the integration's page.",
			app.Name, app.ClientID, i.TenantDomain, then, i.Name),
	}
}
