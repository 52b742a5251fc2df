package activities_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/activities"
	"consentry/emulator"
	"consentry/internal/consent"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/entra"
	"consentry/internal/service"
)

// secretProber obtains tokens with the legacy secret through the real adapter;
// only the bench's own account has one that works.
type secretProber struct {
	tokens *entra.Tokens
	down   bool
}

func (p *secretProber) ProbeToken(ctx context.Context, tenantID, integrationID string) error {
	switch {
	case p.down:
		return entraError{kind: "unavailable"}
	case integrationID != "i":
		return entraError{kind: "secret_invalid"}
	}
	_, err := p.tokens.FreshToken(ctx, entra.Access{TenantID: tenantID, IntegrationID: integrationID})
	return err
}

func (p *secretProber) ProbeReading(context.Context, string, string) error {
	return entraError{kind: "unavailable"}
}

// approvals is an emulated bench with a migration whose session waits for the
// reviewers, in a tenant that has not consented yet.
type approvals struct {
	*emulated
	act    *activities.Migration
	secret *secretProber
}

func newApprovals(t *testing.T) *approvals {
	t.Helper()
	e := newEmulated(t)
	require.NoError(t, e.RevokeConsent(tenant, cellApp))
	cloud := entra.Cloud{Name: "emulator", Authority: e.HTTPSURL(), BrowserAuthority: e.HTTPURL(), GraphURL: e.HTTPSURL() + "/v1.0", HTTP: e.HTTPClient()}
	a := &approvals{emulated: e, secret: &secretProber{tokens: entra.NewTokens(cloud, e.reader, func() time.Time { return e.now })}}
	a.act = &activities.Migration{Service: e.svc, Consents: realProber{e.reader.directory}, OldApps: a.secret, Now: func() time.Time { return e.now }, ProbeEvery: time.Millisecond}
	e.RegisterActivity(a.act)
	a.waits("acc", "i", "m", "cs")
	return a
}

// waits adds a migration of an account and a session of it that waits; a look has
// found no consent yet.
func (a *approvals) waits(account, integration, migration, session string) {
	a.t.Helper()
	require.NoError(a.t, a.st.Write(a.t.Context(), func(r service.Rows) error {
		_, err := r.Accounts().Get(account)
		if domain.IsNotFound(err) {
			err = errors.Join(
				r.Accounts().Insert(&domain.Account{ID: account, Region: "eu"}),
				r.Integrations().Insert(&domain.Integration{ID: integration, AccountID: account, TenantID: tenant, Name: integration, Product: domain.ProductDirectorySync, Binding: domain.BoundLegacy}))
		}
		return errors.Join(err,
			r.Migrations().Insert(&domain.Migration{ID: migration, AccountID: account, IntegrationID: integration, Region: "eu", Phase: domain.AwaitingConsent, PhaseSeq: 1, Open: true}),
			r.ConsentSessions().Insert(&domain.ConsentSession{
				ID: session, AccountID: account, MigrationID: migration, TenantID: tenant, CellID: "cell", Outcome: domain.ConsentRefused, Code: "declined", CreatedAt: domain.At(a.now), NextCheckAt: domain.At(a.now), AbsentAt: domain.At(a.now),
			}))
	}))
}

func (a *approvals) sweep() contract.ApprovalsFound {
	a.t.Helper()
	found, err := run(a.syncBench, a.act.EntraFindApprovals, contract.SweepInput{Region: "eu"})
	require.NoError(a.t, err)
	return found
}

func (a *approvals) migration(id string) (m domain.Migration) {
	a.t.Helper()
	require.NoError(a.t, a.st.Read(a.t.Context(), func(r service.Rows) (err error) { m, err = r.Migrations().Get(id); return err }))
	return m
}

func (a *approvals) change(id string, change func(*domain.ConsentSession)) {
	a.t.Helper()
	require.NoError(a.t, a.st.Write(a.t.Context(), func(r service.Rows) error {
		cs, err := r.ConsentSessions().Get(id)
		if err != nil {
			return err
		}
		change(&cs)
		return r.ConsentSessions().Update(&cs)
	}))
}

func (a *approvals) refused(code string) (n int) {
	a.t.Helper()
	for _, e := range rowsOf(a.t, a.emulated, func(r service.Rows) service.Table[domain.AuditEntry] { return r.Audit() }, "action", "take-approval") {
		if e.Outcome == "refused" && e.Code == code {
			n++
		}
	}
	return n
}

func TestAnApprovalWithoutACallbackIsFound(t *testing.T) {
	a := newApprovals(t)
	a.change("cs", func(cs *domain.ConsentSession) { cs.AbsentAt = domain.Instant{} })
	require.Equal(t, contract.ApprovalsFound{Looked: 1}, a.sweep())
	require.Equal(t, contract.ApprovalsFound{}, a.sweep(), "not at every sweep")
	require.Equal(t, domain.AwaitingConsent, a.migration("m").Phase)

	require.NoError(t, a.GrantConsent(tenant, cellApp))
	a.now = a.now.Add(2 * time.Minute)
	require.Equal(t, contract.ApprovalsFound{Looked: 1, Taken: 1}, a.sweep())
	m := a.migration("m")
	require.Equal(t, []any{domain.ConfirmingConsent, "cs"}, []any{m.Phase, m.ConsentSession})
	signals := rowsOf(t, a.emulated, func(r service.Rows) service.Table[domain.EngineCall] { return r.EngineCalls() }, "name", contract.SignalConsentGranted)
	require.Len(t, signals, 1)
	a.now = a.now.Add(time.Hour)
	require.Equal(t, contract.ApprovalsFound{}, a.sweep(), "and nobody waits any more")
}

// TestARefusalStaysOneWhereTheAppIsConsentedAlready: the consent is from before, as
// after a way back, and whoever pressed Cancel at Microsoft refused.
func TestARefusalStaysOneWhereTheAppIsConsentedAlready(t *testing.T) {
	a := newApprovals(t)
	a.change("cs", func(cs *domain.ConsentSession) { cs.AbsentAt = domain.Instant{} })
	require.NoError(t, a.GrantConsent(tenant, cellApp))
	require.Equal(t, contract.ApprovalsFound{Looked: 1}, a.sweep())
	a.now = a.now.Add(time.Hour)
	require.Equal(t, contract.ApprovalsFound{}, a.sweep(), "nobody looks for an approval")
	m := a.migration("m")
	require.Equal(t, domain.AwaitingConsent, m.Phase)
	require.Contains(t, m.ConsentText, "does not count by itself")
	require.Equal(t, 1, a.refused("declined"))
}

// TestAnApprovalLetsWhoeverIsAtMicrosoftFinish: taking the migration on would
// meet the person who comes back with an error page.
func TestAnApprovalLetsWhoeverIsAtMicrosoftFinish(t *testing.T) {
	a := newApprovals(t)
	require.NoError(t, a.GrantConsent(tenant, cellApp))
	require.NoError(t, a.st.Write(t.Context(), func(r service.Rows) error {
		return r.ConsentSessions().Insert(&domain.ConsentSession{
			ID: "there", AccountID: "acc", MigrationID: "m", TenantID: tenant, CellID: "cell", Outcome: domain.ConsentOpen, CreatedAt: domain.At(a.now), StateExpiresAt: domain.At(a.now.Add(10 * time.Minute)),
		})
	}))
	require.Equal(t, contract.ApprovalsFound{Looked: 1}, a.sweep())
	require.Equal(t, domain.AwaitingConsent, a.migration("m").Phase)
	a.now = a.now.Add(11 * time.Minute)
	require.Equal(t, contract.ApprovalsFound{Looked: 1, Taken: 1}, a.sweep())
}

// TestAConsentedTenantAloneProvesNothing: the app is consented in the tenant, and
// each of these sessions must not profit from it.
func TestAConsentedTenantAloneProvesNothing(t *testing.T) {
	admin := func(tenantID string, roles ...string) func(*domain.ConsentSession) {
		return func(cs *domain.ConsentSession) {
			cs.VerifiedTenant, cs.VerifiedObject, cs.VerifiedRoles = tenantID, "oid", roles
		}
	}
	for name, c := range map[string]struct {
		prepare func(*approvals)
		code    string // "" = not even refused
	}{
		"the legacy secret is dead and nobody signed in": {func(a *approvals) { a.now = a.now.Add(2 * time.Hour) }, consent.CodeTenantUnproven},
		"the legacy secret is another one":               {func(a *approvals) { a.reader.secret = "guessed" }, consent.CodeTenantUnproven},
		"an admin of another tenant signed in": {func(a *approvals) {
			a.reader.secret = "guessed"
			a.change("cs", admin(vendor, consent.RoleGlobalAdministrator))
		}, consent.CodeTenantMismatch},
		"somebody without a role signed in": {func(a *approvals) { a.reader.secret = "guessed"; a.change("cs", admin(tenant)) }, consent.CodeRoleMissing},
		"the session has waited too long": {func(a *approvals) {
			a.change("cs", func(cs *domain.ConsentSession) { cs.CreatedAt = domain.At(a.now.Add(-31 * 24 * time.Hour)) })
		}, ""},
		"nobody waits": {func(a *approvals) {
			a.change("cs", func(cs *domain.ConsentSession) { cs.NextCheckAt = domain.Instant{} })
		}, ""},
		"it cannot be told whether the secret works": {func(a *approvals) { a.secret.down = true }, ""},
		"Microsoft does not answer": {func(a *approvals) {
			a.SetFault(emulator.Fault{PathPrefix: "/v1.0/", Status: 503, Remaining: -1})
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApprovals(t)
			require.NoError(t, a.GrantConsent(tenant, cellApp))
			c.prepare(a)
			require.Zero(t, a.sweep().Taken)
			m := a.migration("m")
			require.Equal(t, domain.AwaitingConsent, m.Phase)
			require.Equal(t, c.code, m.ConsentCode)
			if c.code == "" {
				return
			}
			require.NotEmpty(t, m.ConsentText, "the page says what to do")
			require.Equal(t, 1, a.refused(c.code))
			a.now = a.now.Add(time.Hour)
			a.sweep()
			require.Equal(t, 1, a.refused(c.code), "said once, not at every look")
		})
	}
}

// TestWhereMicrosoftSaysNothingItIsAskedLessOften, and not for ever: a tenant that
// never answers must not be asked at every sweep.
func TestWhereMicrosoftSaysNothingItIsAskedLessOften(t *testing.T) {
	a := newApprovals(t)
	require.NoError(t, a.GrantConsent(tenant, cellApp))
	session := func() domain.ConsentSession {
		return rowsOf(t, a.emulated, func(r service.Rows) service.Table[domain.ConsentSession] { return r.ConsentSessions() }, "id", "cs")[0]
	}
	a.secret.down = true
	require.Equal(t, contract.ApprovalsFound{}, a.sweep())
	require.Equal(t, domain.At(a.now.Add(time.Minute)), session().NextCheckAt)
	a.now = a.now.Add(10 * time.Hour)
	require.Equal(t, contract.ApprovalsFound{}, a.sweep())
	require.Equal(t, domain.At(a.now.Add(15*time.Minute)), session().NextCheckAt)
	require.Equal(t, "declined", session().Code, "nothing is concluded")

	a.now = a.now.Add(31 * 24 * time.Hour)
	require.Equal(t, contract.ApprovalsFound{}, a.sweep())
	require.True(t, session().NextCheckAt.IsZero(), "it has waited too long")
}

// TestAnAdminWhoSignedInProvesTheTenant without any secret: the consent lacked
// something, and was completed in the portal later.
func TestAnAdminWhoSignedInProvesTheTenant(t *testing.T) {
	a := newApprovals(t)
	a.reader.secret = "dead"
	a.change("cs", func(cs *domain.ConsentSession) {
		cs.VerifiedTenant, cs.VerifiedObject, cs.VerifiedRoles = tenant, "oid", []string{consent.RolePrivilegedRoleAdministrator}
	})
	require.NoError(t, a.GrantConsent(tenant, cellApp))
	require.Equal(t, 1, a.sweep().Taken)
	require.Equal(t, domain.ConfirmingConsent, a.migration("m").Phase)
}

// TestATenantOfSeveralAccounts: a foreign account's waiting session gets nothing
// from this one's consent, and this one nothing before an operator listed it.
func TestATenantOfSeveralAccounts(t *testing.T) {
	a := newApprovals(t)
	a.waits("eve", "hers", "hers", "cs_eve")
	require.NoError(t, a.GrantConsent(tenant, cellApp))
	require.Zero(t, a.sweep().Taken)
	require.Equal(t, consent.CodeTenantShared, a.migration("m").ConsentCode)
	require.Equal(t, consent.CodeTenantUnproven, a.migration("hers").ConsentCode)

	olga := domain.Caller{Kind: domain.CallerPerson, ID: "olga", Grants: []domain.Grant{{Role: domain.RoleOperator}}}
	told, err := a.svc.Notices(t.Context(), olga, "", "", service.Page{})
	require.NoError(t, err)
	told.Items = slices.DeleteFunc(told.Items, func(n domain.Notice) bool { return n.Kind != "tenant-shared" })
	require.Len(t, told.Items, 1, "operators are told, once")
	require.Contains(t, told.Items[0].Body, "consentry tenant allow "+tenant+" --account acc ")
	acc := domain.Caller{Kind: domain.CallerPerson, ID: "ana", Grants: []domain.Grant{{AccountID: "acc", Role: domain.RoleApprove}}}
	theirs, err := a.svc.Notices(t.Context(), acc, "", "", service.Page{})
	require.NoError(t, err)
	require.False(t, slices.ContainsFunc(theirs.Items, func(n domain.Notice) bool { return n.Kind == "tenant-shared" }), "nobody else hears of it")
	e, err := a.svc.Explain(t.Context(), olga, a.migration("m").IntegrationID)
	require.NoError(t, err)
	require.Contains(t, e.Who, "an operator can decide")
	require.Empty(t, e.CanAct)
	require.True(t, e.NeedsPerson)

	_, err = a.svc.AllowTenantUse(t.Context(), domain.Caller{Kind: domain.CallerPerson, ID: "eve", Grants: []domain.Grant{{AccountID: "eve", Role: domain.RoleApprove}}}, tenant, []string{"eve"}, "mine")
	require.True(t, domain.IsNotFound(err))
	for range 2 {
		uses, err := a.svc.AllowTenantUse(t.Context(), olga, tenant, []string{"eve", "acc"}, "one group of companies")
		require.NoError(t, err)
		require.Len(t, uses, 2)
	}
	a.now = a.now.Add(20 * time.Minute)
	require.Equal(t, 1, a.sweep().Taken)
	require.Equal(t, domain.ConfirmingConsent, a.migration("m").Phase)
	require.Equal(t, domain.AwaitingConsent, a.migration("hers").Phase, "each proves itself")
}
