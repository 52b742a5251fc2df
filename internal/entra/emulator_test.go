package entra_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"consentry/emulator"
	"consentry/internal/consent"
	"consentry/internal/entra"
)

func TestAnAdministratorConsentsSignsInAndTheDirectoryIsRead(t *testing.T) {
	m := startMicrosoft(t, emulator.Config{})
	legs := entra.NewSignIn(m.cloud, m.credentials, m.clock.now)
	ana := newBrowser(t, globalAna, "accept")

	back := ana.visit(t, legs.AdminConsentURL(contoso, cellApp, callback, "state-1"))
	require.Equal(t, "state-1", back.Get("state"))
	outcome := consent.CheckConsentReturn(contoso, back)
	require.Equal(t, consent.Granted, outcome.Kind, "%+v", outcome)

	identity, err := m.signIn(t, ana)
	require.NoError(t, err)
	require.Nil(t, consent.CheckIdentity(contoso, identity), "%+v", identity)

	require.NoError(t, m.directory.Probe(t.Context(), connector))
	organization, err := m.directory.Organization(t.Context(), connector, false)
	require.NoError(t, err)
	require.Equal(t, entra.Organization{ID: contoso, DisplayName: "Contoso"}, organization)

	truth := m.Directory(contoso)
	users, _ := m.round(t, connector, entra.Users, "")
	require.Len(t, users, len(truth.Users))
	groups, link := m.round(t, connector, entra.Groups, "")
	require.Len(t, groups, len(truth.Groups))

	_, err = m.CreateGroup(contoso, emulator.Group{DisplayName: "New"})
	require.NoError(t, err)
	changed, _ := m.round(t, connector, entra.Groups, link)
	require.Len(t, changed, 1)
}

func TestWhoMayNotConsentIsToldSo(t *testing.T) {
	m := startMicrosoft(t, emulator.Config{}).consented(t)
	for upn, code := range map[string]string{
		cloudBen: consent.CodeRoleInsufficient,
		plainCem: consent.CodeRoleMissing,
		guestDua: consent.CodeGuest,
	} {
		identity, err := m.signIn(t, newBrowser(t, upn, "accept"))
		require.NoError(t, err)
		refusal := consent.CheckIdentity(contoso, identity)
		require.NotNil(t, refusal, upn)
		require.Equal(t, code, refusal.Code)
	}
	ana := newBrowser(t, globalAna, "cancel")
	back := ana.visit(t, entra.NewSignIn(m.cloud, m.credentials, m.clock.now).AdminConsentURL(contoso, cellApp, callback, "state"))
	outcome := consent.CheckConsentReturn(contoso, back)
	require.Equal(t, consent.Declined, outcome.Kind, "%v", back)
}

func TestACodeWorksOnceAndOnlyWithItsVerifier(t *testing.T) {
	m := startMicrosoft(t, emulator.Config{}).consented(t)
	legs := entra.NewSignIn(m.cloud, m.credentials, m.clock.now)
	ana := newBrowser(t, globalAna, "accept")
	authorize := entra.SignInRequest{Tenant: contoso, ClientID: cellApp, RedirectURI: callback, State: "s", Nonce: "n", Verifier: oauth2.GenerateVerifier()}
	redeem := entra.RedeemRequest{CellID: "cell-1", Tenant: contoso, ClientID: cellApp, Nonce: "n", RedirectURI: callback, Verifier: authorize.Verifier}

	redeem.Code = ana.visit(t, legs.AuthorizeURL(authorize)).Get("code")
	_, err := legs.Redeem(t.Context(), redeem)
	require.NoError(t, err)
	_, err = legs.Redeem(t.Context(), redeem)
	require.Equal(t, entra.SignInStale, entra.KindOf(err), "%v", err)

	redeem.Code = ana.visit(t, legs.AuthorizeURL(authorize)).Get("code")
	redeem.Verifier = oauth2.GenerateVerifier()
	_, err = legs.Redeem(t.Context(), redeem)
	require.Equal(t, entra.SignInStale, entra.KindOf(err), "%v", err)

	redeem.Code, redeem.Nonce, redeem.Verifier = ana.visit(t, legs.AuthorizeURL(authorize)).Get("code"), "other", authorize.Verifier
	_, err = legs.Redeem(t.Context(), redeem)
	require.Equal(t, entra.IdentityRejected, entra.KindOf(err), "%v", err)
}

func TestConsentThatSpreadsIsWaitedForAndAnEarlyTokenDoesNotStick(t *testing.T) {
	m := startMicrosoft(t, emulator.Config{ConsentDelay: time.Minute})
	err := m.directory.Probe(t.Context(), connector)
	require.Equal(t, entra.NotVisibleYet, entra.KindOf(err), "%v", err)
	e, _ := errors.AsType[*entra.Error](err)
	require.Equal(t, "AADSTS7000229", e.Code)

	m.consented(t)
	err = m.directory.Probe(t.Context(), connector)
	require.Equal(t, entra.NotVisibleYet, entra.KindOf(err), "%v", err)
	// A token from this window carries no roles, and MSAL keeps it for an hour.
	_, _ = m.tokens.Token(t.Context(), connector)

	m.clock.advance(2 * time.Minute)
	_, err = m.directory.Page(t.Context(), connector, entra.Users, "")
	require.NoError(t, err)
	require.NoError(t, m.directory.Probe(t.Context(), connector))
}

func TestRevokedConsentIsNotAnEmptyDirectory(t *testing.T) {
	m := startMicrosoft(t, emulator.Config{}).consented(t)
	require.NoError(t, m.directory.Probe(t.Context(), connector))

	require.NoError(t, m.RevokeGrants(contoso, cellApp))
	_, err := m.tokens.FreshToken(t.Context(), connector)
	require.NoError(t, err, "a token that was issued before lives on; the next one has no roles")
	_, err = m.directory.Page(t.Context(), connector, entra.Users, "")
	require.Equal(t, entra.ConsentMissing, entra.KindOf(err), "%v", err)

	require.NoError(t, m.DisableServicePrincipal(contoso, cellApp))
	_, err = m.tokens.FreshToken(t.Context(), connector)
	require.Equal(t, entra.AppDisabled, entra.KindOf(err), "%v", err)

	require.NoError(t, m.RevokeConsent(contoso, cellApp))
	_, err = m.tokens.FreshToken(t.Context(), connector)
	require.Equal(t, entra.AppMissing, entra.KindOf(err), "%v", err)

	_, err = m.tokens.Token(t.Context(), entra.Access{TenantID: "44444444-aaaa-4bbb-8ccc-000000000004", CellID: "cell-1"})
	require.Equal(t, entra.TenantMissing, entra.KindOf(err), "%v", err)
}

func TestTheLegacyAppReadsWithItsSecretUntilItDies(t *testing.T) {
	m := startMicrosoft(t, emulator.Config{})
	users, _ := m.round(t, legacy, entra.Users, "")
	require.Len(t, users, len(m.Directory(contoso).Users))

	m.credentials.set(func(c *credentials) { c.secret.Secret = "wrong" })
	_, err := m.tokens.Token(t.Context(), legacy)
	require.Equal(t, entra.SecretInvalid, entra.KindOf(err), "%v", err)

	m.credentials.set(func(c *credentials) { c.secret.Secret = "legacy~secret" })
	m.clock.advance(31 * 24 * time.Hour)
	_, err = m.tokens.FreshToken(t.Context(), legacy)
	require.Equal(t, entra.SecretExpired, entra.KindOf(err), "%v", err)

	require.NoError(t, m.DeleteApplication(legacyApp))
	_, err = m.tokens.FreshToken(t.Context(), legacy)
	require.Equal(t, entra.AppMissing, entra.KindOf(err), "%v", err)
}

func TestACertificateIsRotatedWhileTokensFlow(t *testing.T) {
	m := startMicrosoft(t, emulator.Config{KeyDelay: time.Minute}).consented(t)
	keys, err := entra.NewApplicationKeys(m.cloud, m.tokens)
	require.NoError(t, err)
	before := m.Keys(cellApp)
	require.Len(t, before, 1)
	first, second := pairs()[0].signing("first"), pairs()[1].signing("second")
	m.credentials.set(func(c *credentials) { c.key = first })
	_, err = m.tokens.Token(t.Context(), connector)
	require.NoError(t, err)

	add := entra.AddKeyRequest{
		CellID: "cell-1", HomeTenantID: vendor, AppID: cellApp, ApplicationObjectID: cellObject, Proof: second,
		CertificateDER: second.Certificate.Raw,
	}
	_, err = keys.AddKey(t.Context(), add)
	require.Equal(t, entra.ProofRejected, entra.KindOf(err), "a key that is not on the registration proves nothing: %v", err)
	add.Proof, add.ApplicationObjectID = first, cellApp
	_, err = keys.AddKey(t.Context(), add)
	require.Error(t, err, "the app id is not the object id")

	add.ApplicationObjectID = cellObject
	keyID, err := keys.AddKey(t.Context(), add)
	require.NoError(t, err)
	require.NotEmpty(t, keyID)
	require.Len(t, m.Keys(cellApp), 2)

	err = m.tokens.ProveKey(t.Context(), second, vendor)
	require.Equal(t, entra.KeyUnknown, entra.KindOf(err), "%v", err)
	m.clock.advance(2 * time.Minute)
	require.NoError(t, m.tokens.ProveKey(t.Context(), second, vendor))

	m.credentials.set(func(c *credentials) { c.key = second })
	_, err = m.tokens.FreshToken(t.Context(), connector)
	require.NoError(t, err)
	remove := entra.RemoveKeyRequest{
		CellID: "cell-1", HomeTenantID: vendor, AppID: cellApp, ApplicationObjectID: cellObject, Proof: second, KeyID: before[0].KeyID,
	}
	require.NoError(t, keys.RemoveKey(t.Context(), remove))
	require.NoError(t, keys.RemoveKey(t.Context(), remove), "a removal whose answer was lost may be repeated")
	left := m.Keys(cellApp)
	require.Len(t, left, 1)
	require.Equal(t, keyID, left[0].KeyID)
	err = m.tokens.ProveKey(t.Context(), first, vendor)
	require.Equal(t, entra.KeyUnknown, entra.KindOf(err), "%v", err)

	remove.Proof = first
	err = keys.RemoveKey(t.Context(), remove)
	require.Equal(t, entra.ProofRejected, entra.KindOf(err), "%v", err)
	remove.KeyID = "not-a-guid"
	require.Equal(t, entra.Misconfigured, entra.KindOf(keys.RemoveKey(t.Context(), remove)))
}

func TestADeadOrForeignLinkIsAFullRoundAndATravellingOneIsRefused(t *testing.T) {
	m := startMicrosoft(t, emulator.Config{}).consented(t)
	_, link := m.round(t, connector, entra.Users, "")
	_, legacyLink := m.round(t, legacy, entra.Users, "")

	_, err := m.directory.Page(t.Context(), connector, entra.Users, legacyLink)
	require.Equal(t, entra.DeltaExpired, entra.KindOf(err), "a link belongs to the app that made it: %v", err)
	_, err = m.directory.Page(t.Context(), connector, entra.Users, link[:len(link)-5]+"xxxxx")
	require.Equal(t, entra.DeltaExpired, entra.KindOf(err), "%v", err)
	m.clock.advance(time.Second)
	require.NoError(t, m.ExpireDeltas(contoso))
	_, err = m.directory.Page(t.Context(), connector, entra.Users, link)
	require.Equal(t, entra.DeltaExpired, entra.KindOf(err), "%v", err)

	other := newFake(t)
	for _, travelling := range []string{
		other.URL + "/v1.0/users/delta?$deltatoken=x",
		strings.Replace(m.HTTPSURL(), "https", "http", 1) + "/v1.0/users/delta?$deltatoken=x",
		strings.Replace(m.HTTPSURL(), "https://", "https://user:password@", 1) + "/v1.0/users/delta",
		"//" + strings.TrimPrefix(other.URL, "https://") + "/v1.0/users/delta",
		"/v1.0/users/delta",
		"https://graph.microsoft.com.evil.example/v1.0/users/delta",
	} {
		_, err := m.directory.Page(t.Context(), connector, entra.Users, travelling)
		require.Equal(t, entra.LinkRefused, entra.KindOf(err), "%s: %v", travelling, err)
	}
	require.Zero(t, other.count(""))
}

func TestFaultsOnTheWayReachTheCallerAsWhatToDo(t *testing.T) {
	m := startMicrosoft(t, emulator.Config{}).consented(t)
	_, err := m.tokens.Token(t.Context(), connector)
	require.NoError(t, err)
	for sentence, test := range map[string]struct {
		fault emulator.Fault
		kind  entra.Kind
		after time.Duration
	}{
		"throttled":           {emulator.Fault{PathPrefix: "/v1.0/users/delta", Status: 429, RetryAfter: "120"}, entra.Throttled, 2 * time.Minute},
		"a page of a proxy":   {emulator.Fault{PathPrefix: "/v1.0/users/delta", Status: 502, Body: "<html>", ContentType: "text/html"}, entra.Unavailable, 0},
		"an empty object":     {emulator.Fault{PathPrefix: "/v1.0/users/delta", Status: 500, Body: "{}", ContentType: "application/json"}, entra.Unavailable, 0},
		"a broken connection": {emulator.Fault{PathPrefix: "/v1.0/users/delta", Drop: true, Remaining: 5}, entra.Unavailable, 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			m.SetFault(test.fault)
			defer m.ClearFaults()
			_, err := m.directory.Page(t.Context(), connector, entra.Users, "")
			e, ok := errors.AsType[*entra.Error](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, test.kind, e.Kind, "%v", err)
			require.Equal(t, test.after, e.RetryAfter)
		})
	}
	m.SetFault(emulator.Fault{PathPrefix: "/v1.0/users/delta", Status: 429, RetryAfter: "0.01"})
	_, err = m.directory.Page(t.Context(), connector, entra.Users, "")
	require.NoError(t, err, "a pause of a moment is waited out")

	m.SetFault(emulator.Fault{PathPrefix: "/oauth2/v2.0/token", Status: 429, RetryAfter: "30"})
	_, err = m.tokens.FreshToken(t.Context(), connector)
	e, ok := errors.AsType[*entra.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, entra.Throttled, e.Kind)
	require.Equal(t, 30*time.Second, e.RetryAfter)
}

func TestPeopleSignInToTheConsole(t *testing.T) {
	m := startMicrosoft(t, emulator.Config{})
	require.NoError(t, m.AddPerson(emulator.Person{TenantID: vendor, ObjectID: "aaaaaaaa-0000-4000-8000-00000000000e", UPN: "eva@vendor.example", Name: "Eva"}))
	console := entra.NewConsole(entra.ConsoleConfig{
		Issuer: m.HTTPSURL() + "/" + vendor + "/v2.0", ClientID: consoleApp, ClientSecret: "console~secret", RedirectURI: callback,
		BrowserAuthority: m.HTTPURL(), HTTP: m.HTTPClient(),
	}, m.clock.now)
	verifier := oauth2.GenerateVerifier()
	address, err := console.AuthorizeURL(t.Context(), entra.ConsoleRequest{State: "state", Nonce: "nonce", Verifier: verifier})
	require.NoError(t, err)
	back := newBrowser(t, "eva@vendor.example", "accept").visit(t, address)
	identity, err := console.Redeem(t.Context(), entra.ConsoleRedeemRequest{Code: back.Get("code"), Nonce: "nonce", Verifier: verifier})
	require.NoError(t, err)
	require.Equal(t, vendor+"/aaaaaaaa-0000-4000-8000-00000000000e", identity.Subject)
	require.Equal(t, "Eva", identity.Name)
}
