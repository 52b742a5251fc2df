package entra_test

import (
	"context"
	"encoding/json"
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
		HTTP: m.HTTPClient(),
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
	t.Helper()
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
