package service

import (
	"context"
	"strings"
	"time"
	"unicode"

	"consentry/internal/campaign"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// LegacySecretOrder is a new client secret of an integration's old app. Another
// client id would be another app, and that is no upkeep: links and receipt belong
// to the one there is, and so does the proof that the tenant is this account's,
// which anybody's multi-tenant app would otherwise give.
type LegacySecretOrder struct {
	Secret string // sealed on arrival and given back by nobody
	EndsAt domain.Instant
}

// String hides the secret.
func (LegacySecretOrder) String() string { return "a new client secret" }

// GoString is String.
func (o LegacySecretOrder) GoString() string { return o.String() }

// LegacySecretReplaced says what became of a new secret.
type LegacySecretReplaced struct {
	IntegrationID string
	EndsAt        domain.Instant
	EnteredAt     domain.Instant
	Next          string // by what it is tried, as a sentence: until then nobody knows whether it works
}

// ReplaceLegacySecret puts a new client secret in the place of the one we hold
// of an old app, which is destroyed in the same transaction; the audit entry is
// its receipt. Whether it works is not believed: a synchronization through the
// old app tries it at once, or the way back does before it is taken. It may be
// done by whoever may migrate in the account, because nothing is decided by it,
// and by operators, who bring in secrets by the inventory.
func (s *Service) ReplaceLegacySecret(ctx context.Context, caller domain.Caller, key, integrationID string, order LegacySecretOrder) (LegacySecretReplaced, error) {
	const action = "replace-legacy-secret"
	sealed, err := s.sealLegacySecret(ctx, caller, integrationID, order)
	if err != nil {
		s.auditRefusal(ctx, caller, action, integrationID, err)
		return LegacySecretReplaced{}, err
	}
	if key != "" {
		key = integrationID + "/" + key
	}
	done, err := Do(ctx, s, caller, key, action, integrationID, func(tx *Tx) (LegacySecretReplaced, error) {
		i, err := tx.integrationOfSecret(integrationID)
		if err != nil {
			return LegacySecretReplaced{}, err
		}
		app, err := tx.replaceableSecret(i)
		if err != nil {
			return LegacySecretReplaced{}, err
		}
		return tx.replaceSecret(i, app, sealed, order.EndsAt)
	})
	if err == nil && !done.EndsAt.Equal(order.EndsAt.Time) { // of the secret itself nothing is kept that could be compared
		return LegacySecretReplaced{}, domain.Refuse(domain.Conflict, "key-reused", "This Idempotency-Key was used for another secret. Nothing was changed; send this one with a key of its own.")
	}
	return done, err
}

// sealLegacySecret checks and seals before any transaction begins, because
// sealing may ask a key service over the network.
func (s *Service) sealLegacySecret(ctx context.Context, caller domain.Caller, integrationID string, order LegacySecretOrder) ([]byte, error) {
	err := s.Read(ctx, caller, func(tx *Tx) error {
		_, err := tx.integrationOfSecret(integrationID)
		return err
	})
	if err != nil {
		return nil, err
	}
	secret, err := order.check(s.now())
	if err != nil {
		return nil, err
	}
	sealed, err := s.keeper.Seal(ctx, []byte(secret))
	if err != nil {
		return nil, &domain.Error{Kind: domain.Unavailable, Code: "sealing-unavailable", Message: "The key that seals secrets does not answer. Nothing was changed; try again.", Err: err}
	}
	return sealed, nil
}

// integrationOfSecret gives the integration to whoever may bring a new secret.
func (t *Tx) integrationOfSecret(id string) (domain.Integration, error) {
	i, err := t.Rows.Integrations().Get(id)
	if err != nil || !t.Caller.Sees(i.AccountID) {
		return domain.Integration{}, notHere("integration", err)
	}
	if !t.Caller.Has(domain.RoleMigrate, i.AccountID) && !t.Caller.Operator() {
		return domain.Integration{}, domain.Refuse(domain.Forbidden, "role-needed", "Entering a new client secret of the old app needs the role to migrate in this account.")
	}
	return i, nil
}

// How long a client secret may be. Microsoft makes forty characters; those of
// earlier years and of scripts differ, and none is near these bounds.
const (
	secretLeast = 12
	secretMost  = 256
)

// check gives the secret as it is to be kept. No refusal repeats what was sent.
func (o LegacySecretOrder) check(now time.Time) (string, error) {
	secret := strings.TrimSpace(o.Secret)
	return secret, domain.Mistakes(secretMistake("secret", secret), secretEndMistake(o.EndsAt, now))
}

func secretMistake(field, secret string) error {
	foreign := func(r rune) bool { return r <= ' ' || r > unicode.MaxASCII || r == 0x7f }
	switch {
	case secret == "":
		return domain.InvalidField(field, "Enter the Value of the new client secret")
	case guidPattern.MatchString(secret):
		return domain.InvalidField(field, "This is an id and not the secret: Microsoft's portal shows a Secret ID beside each Value, and it is the Value that is needed. It is shown only right after the secret was made; if it is gone, make another secret there")
	case strings.HasSuffix(secret, "***"):
		return domain.InvalidField(field, "This is what the portal shows of a secret later: its beginning, and stars. The Value is shown only right after the secret was made; if it is gone, make another secret there")
	case strings.ContainsFunc(secret, foreign):
		return domain.InvalidField(field, "A client secret has no blanks, line breaks or letters beyond ASCII. Copy the Value once more, and nothing around it")
	case len(secret) < secretLeast || len(secret) > secretMost:
		return domain.InvalidField(field, "A client secret has %d to %d characters; Microsoft's have about forty. Copy the Value once more", secretLeast, secretMost)
	}
	return nil
}

func secretEndMistake(ends domain.Instant, now time.Time) error {
	switch {
	case ends.IsZero():
		return domain.InvalidField("secretEndsAt", "Enter when the new secret expires, as the portal shows it beside the Value. Each one has an end, and we warn you before it")
	case ends.Due(now):
		return domain.InvalidField("secretEndsAt", "That moment has passed, and a secret that has expired opens nothing. Make a new one in the portal, and enter its Value and its end")
	}
	return nil
}

// replaceableSecret gives the old app whose secret may be replaced now, or the
// refusal that says what a new one would not do.
func (t *Tx) replaceableSecret(i domain.Integration) (domain.LegacyApp, error) {
	app, err := optional(t.Rows.LegacyApps().Get(i.ID))
	if err == nil {
		_, err = t.integrationAsOfNow(&i)
	}
	if err == nil {
		err = t.secretHasUse(i, app)
	}
	return app, err
}

// secretHasUse refuses a new secret of an old app that nothing would sign in
// with. The integration is as of now (see integrationAsOfNow), so that a view,
// which has it so, asks for nothing twice.
func (t *Tx) secretHasUse(i domain.Integration, app domain.LegacyApp) error {
	switch gone, err := t.gone(i.AccountID); {
	case err != nil:
		return err
	case gone:
		return domain.Refuse(domain.Gone, "account-closed", "The account is being deleted. Nothing is synchronized any more, so no secret is taken.")
	case app.ID == "":
		return domain.Refuse(domain.Conflict, "no-legacy-app", "This integration never had an app registration of the customer's own, so there is no secret to replace.")
	case !app.DestroyedAt.IsZero():
		return domain.Refuse(domain.Gone, "legacy-secret-destroyed", "The migration is closed, and the old app's secret was destroyed here on %s. Synchronization goes on through the connector, which needs none.", noticeDate(app.DestroyedAt.Time))
	case i.Binding != domain.BoundLegacy:
		return t.secretForWayBack(i)
	case stoppedByDate(i):
		return secretAfterDate()
	}
	return nil
}

// secretForWayBack refuses a secret that no way back could use any more.
func (t *Tx) secretForWayBack(i domain.Integration) error {
	m, err := optional(t.Rows.Migrations().Find(By(Where{"integration_id": i.ID, "open": true})))
	if err != nil || m.Phase == domain.CuttingOver { // a switch that fails is taken back
		return err
	}
	if m.Phase != domain.Migrated || !t.Now.Before(m.WayBackUntil.Time) {
		return domain.Refuse(domain.Gone, migration.WayBackClosed, "The way back is closed, so nothing would use a new secret of the old app. Synchronization goes on through the connector; remove the old app instead.")
	}
	past, err := t.pastDate(m)
	if err == nil && past {
		err = secretAfterDate()
	}
	return err
}

func secretAfterDate() error {
	return domain.Refuse(domain.Conflict, campaign.CodeDeadlinePassed, "The date for the old app has passed, so a new secret would not start synchronization through it again, nor open the way back to it. Nothing is deleted, and migrating needs no secret. Only a later date, which an operator of the vendor can give the account, makes a new secret count.")
}

// replaceSecret keeps the new secret and destroys the one before.
func (t *Tx) replaceSecret(i domain.Integration, app domain.LegacyApp, sealed []byte, ends domain.Instant) (LegacySecretReplaced, error) {
	secret := domain.Secret{ID: domain.NewID("sec"), Sealed: sealed, CreatedAt: t.At()}
	if err := t.Rows.Secrets().Insert(&secret); err != nil {
		return LegacySecretReplaced{}, err
	}
	detail := map[string]string{"secret": secret.ID, "ends": ends.UTC().Format(time.RFC3339)}
	if app.SecretRef != "" {
		if err := t.destroySecret(app.SecretRef); err != nil {
			return LegacySecretReplaced{}, err
		}
		detail["destroyed"] = app.SecretRef
	}
	app.SecretRef, app.SecretEndsAt, app.SecretEnteredAt = secret.ID, ends, t.At()
	app.ProbedAt, app.ProbeVerdict, app.ProbeCode = domain.Instant{}, "", "" // that was about the one before
	if err := t.Rows.LegacyApps().Update(&app); err != nil {
		return LegacySecretReplaced{}, err
	}
	next, err := t.trySecret(i)
	if err != nil {
		return LegacySecretReplaced{}, err
	}
	return LegacySecretReplaced{IntegrationID: i.ID, EndsAt: ends, EnteredAt: app.SecretEnteredAt, Next: next},
		t.Done(i.AccountID, "replace-legacy-secret", "integration", i.ID, detail)
}

// trySecret has a real call made with the new secret wherever its answer decides
// something: asking leaves a sign-in in the customer's log.
func (t *Tx) trySecret(i domain.Integration) (next string, err error) {
	if i.Binding != domain.BoundLegacy {
		return "Nothing is read through the old app now. It is tried with the new secret before the migration is rolled back, which is refused if Microsoft does not take it.", nil
	}
	code, _, err := t.mayRun(i, domain.RunManual, "")
	if err != nil {
		return "", err
	}
	taken, err := t.startWouldBeLost(i)
	if err != nil {
		return "", err
	}
	if code == "" && !taken {
		return "A synchronization through the old app tries it now; how that ends shows whether Microsoft takes it.", t.startSync(i, domain.RunManual)
	}
	i.NextDueAt = t.At()
	return "The next synchronization through the old app, which begins by itself, tries it; how that ends shows whether Microsoft takes it.", t.Rows.Integrations().Update(&i)
}

// settling is how long the engine may take to end a workflow whose run is over.
const settling = 10 * time.Second

// startWouldBeLost reports whether a run is at work, or ended so lately that the
// engine may still hold its workflow: a start under that id is no news to it.
func (t *Tx) startWouldBeLost(i domain.Integration) (bool, error) {
	for _, where := range []Where{{"open": true}, {"updated_at >": t.In(-settling), "purpose": []string{string(domain.RunScheduled), string(domain.RunManual)}}} {
		where["integration_id"] = i.ID
		if n, err := t.Rows.SyncRuns().Count(By(where)); err != nil || n > 0 {
			return true, err
		}
	}
	return false, nil
}

// oldAppReads notes that the old app has let a whole round through, where
// something else was said of it, or nothing yet of a new secret.
func (t *Tx) oldAppReads(i domain.Integration, run domain.SyncRun) error {
	if run.Binding != domain.BoundLegacy {
		return nil
	}
	app, err := optional(t.Rows.LegacyApps().Get(i.ID))
	if err != nil || app.ID == "" {
		return err
	}
	switch migration.SecretStateOf(app, t.Now) {
	case migration.SecretUntried, migration.SecretRefused:
		app.ProbedAt, app.ProbeVerdict, app.ProbeCode = t.At(), string(migration.OldAppWorks), ""
		return t.Rows.LegacyApps().Update(&app)
	case migration.SecretNone, migration.SecretEnded, migration.SecretEnding, migration.SecretGood:
	}
	return nil
}
