package entra_test

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"consentry/emulator"
	"consentry/internal/consent"
	"consentry/internal/entra"
)

const (
	vendor     = "33333333-aaaa-4bbb-8ccc-000000000003"
	cellObject = "66666666-aaaa-4bbb-8ccc-000000000006" // of the application, as an operator copies it from the portal
	legacyApp  = "88888888-aaaa-4bbb-8ccc-000000000008"
	consoleApp = "77777777-aaaa-4bbb-8ccc-000000000007"
	globalAna  = "ana@contoso.example"
	cloudBen   = "ben@contoso.example"
	plainCem   = "cem@contoso.example"
	guestDua   = "dua_fabrikam.example#EXT#@contoso.example"
)

// clock moves only when a test says so.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// microsoft is the emulator with a vendor, its cell, two customers and a legacy app.
type microsoft struct {
	*emulator.Server
	clock       *clock
	cloud       entra.Cloud
	credentials *credentials
	tokens      *entra.Tokens
	directory   *entra.Directory
}

func startMicrosoft(t *testing.T, config emulator.Config) *microsoft {
	t.Helper()
	m := &microsoft{clock: &clock{at: time.Now()}, credentials: newCredentials()}
	config.Now = m.clock.now
	if config.PageSize == 0 {
		config.PageSize = 40
	}
	server, err := emulator.New(config)
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { require.NoError(t, server.Close(context.WithoutCancel(t.Context()))) })
	m.Server = server

	for _, tenant := range []emulator.Tenant{
		{ID: vendor, DisplayName: "Vendor", Domain: "vendor.example"},
		{ID: contoso, DisplayName: "Contoso", Domain: "contoso.example", Generate: &emulator.Generate{Seed: 7, Users: 120, Groups: 15}},
		{ID: adatum, DisplayName: "Adatum", Domain: "adatum.example"},
	} {
		require.NoError(t, m.AddTenant(tenant))
	}
	for _, person := range []emulator.Person{
		{TenantID: contoso, ObjectID: "aaaaaaaa-0000-4000-8000-00000000000a", UPN: globalAna, Name: "Ana", Roles: []string{emulator.RoleGlobalAdministrator}},
		{TenantID: contoso, ObjectID: "aaaaaaaa-0000-4000-8000-00000000000b", UPN: cloudBen, Name: "Ben", Roles: []string{emulator.RoleCloudApplicationAdministrator}},
		{TenantID: contoso, ObjectID: "aaaaaaaa-0000-4000-8000-00000000000c", UPN: plainCem, Name: "Cem"},
		{TenantID: contoso, ObjectID: "aaaaaaaa-0000-4000-8000-00000000000d", UPN: guestDua, Name: "Dua", Roles: []string{emulator.RoleGlobalAdministrator}, Guest: true},
	} {
		require.NoError(t, m.AddPerson(person))
	}
	readDirectory := []string{"df021288-bdef-4463-88db-98f22de89214", "98830695-27a2-44f7-8c18-0c3ebc9698f6"}
	for _, app := range []emulator.Application{
		{
			AppID: cellApp, ObjectID: cellObject, TenantID: vendor, DisplayName: "Directory connector", MultiTenant: true, RedirectURIs: []string{callback},
			RequiredRoles: readDirectory, DelegatedScopes: []string{"openid", "profile"}, GroupMembershipClaims: "DirectoryRole",
			OptionalClaims: []string{"acct"}, Certificates: [][]byte{pairs()[0].certificate.Raw}, ServicePrincipal: true,
		},
		{
			AppID: legacyApp, TenantID: contoso, DisplayName: "Old sync", RequiredRoles: readDirectory, ServicePrincipal: true, Consented: true,
			Secrets: []emulator.Secret{{Value: "legacy~secret", NotAfter: m.clock.now().Add(30 * 24 * time.Hour)}},
		},
		{
			AppID: consoleApp, TenantID: vendor, DisplayName: "Console", MultiTenant: true, RedirectURIs: []string{callback},
			DelegatedScopes: []string{"openid", "profile"}, ServicePrincipal: true, Consented: true,
			Secrets: []emulator.Secret{{Value: "console~secret", NotAfter: m.clock.now().Add(30 * 24 * time.Hour)}},
		},
	} {
		require.NoError(t, m.AddApplication(app))
	}
	m.credentials.secret = entra.ClientSecret{ClientID: legacyApp, Secret: "legacy~secret"}
	m.cloud = entra.Cloud{
		Name: "emulator", Authority: m.HTTPSURL(), BrowserAuthority: m.HTTPURL(), GraphURL: m.HTTPSURL() + "/v1.0",
		GraphResource: "https://graph.microsoft.com", HTTP: m.HTTPClient(),
	}
	require.NoError(t, m.cloud.Validate())
	m.tokens = entra.NewTokens(m.cloud, m.credentials, m.clock.now)
	m.directory, err = entra.NewDirectory(m.cloud, m.tokens)
	require.NoError(t, err)
	return m
}

func (m *microsoft) consented(t *testing.T) *microsoft {
	t.Helper()
	require.NoError(t, m.GrantConsent(contoso, cellApp))
	return m
}

// browser is a person at a browser: it answers sign-in and consent pages until it is sent to the callback.
type browser struct {
	client *http.Client
	upn    string
	answer string // to a consent page
}

func newBrowser(t *testing.T, upn, answer string) *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{upn: upn, answer: answer, client: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)

func (b *browser) visit(t *testing.T, address string) url.Values {
	t.Helper()
	response, err := b.client.Get(address)
	for range 5 {
		require.NoError(t, err)
		page, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		if location := response.Header.Get("Location"); strings.HasPrefix(location, callback) {
			_, values := query(t, location)
			return values
		}
		require.Equal(t, http.StatusOK, response.StatusCode, "%s", page)
		form := url.Values{}
		for _, field := range hidden.FindAllStringSubmatch(string(page), -1) {
			form.Set(field[1], html.UnescapeString(field[2]))
		}
		if form.Has("account") {
			form.Set("consent", b.answer)
		} else {
			form.Set("login", b.upn)
		}
		where, _, _ := strings.Cut(address, "?")
		response, err = b.client.PostForm(where, form)
		require.NoError(t, err)
	}
	require.Fail(t, "the browser never came back", address)
	return nil
}

func (m *microsoft) signIn(t *testing.T, b *browser) (consent.Identity, error) {
	t.Helper()
	legs := entra.NewSignIn(m.cloud, m.credentials, m.clock.now)
	verifier := oauth2.GenerateVerifier()
	back := b.visit(t, legs.AuthorizeURL(entra.SignInRequest{
		Tenant: contoso, ClientID: cellApp, RedirectURI: callback, State: "state-2", Nonce: "nonce-1", Verifier: verifier,
	}))
	require.Equal(t, "state-2", back.Get("state"))
	return legs.Redeem(t.Context(), entra.RedeemRequest{
		CellID: "cell-1", Tenant: contoso, ClientID: cellApp, Code: back.Get("code"), Verifier: verifier, Nonce: "nonce-1", RedirectURI: callback,
	})
}

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

// round follows one delta round and returns the objects it named and where the next one begins.
func (m *microsoft) round(t *testing.T, access entra.Access, collection entra.Collection, link string) (objects map[string]bool, deltaLink string) {
	t.Helper()
	objects = make(map[string]bool)
	for range 100 {
		body, err := m.directory.Page(t.Context(), access, collection, link)
		require.NoError(t, err)
		var page struct {
			Next  string `json:"@odata.nextLink"`
			Delta string `json:"@odata.deltaLink"`
			Value []struct {
				ID string `json:"id"`
			} `json:"value"`
		}
		require.NoError(t, json.Unmarshal(body, &page))
		for _, object := range page.Value {
			objects[object.ID] = true
		}
		if page.Delta != "" {
			return objects, page.Delta
		}
		link = page.Next
	}
	require.Fail(t, "the round never ended")
	return nil, ""
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
