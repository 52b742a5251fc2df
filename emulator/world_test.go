package emulator_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"consentry/emulator"
)

const (
	vendorTenant   = "aaaaaaaa-0000-4000-8000-000000000001"
	customerTenant = "bbbbbbbb-0000-4000-8000-000000000002"
	connectorApp   = "cccccccc-0000-4000-8000-000000000003"
	legacyApp      = "dddddddd-0000-4000-8000-000000000004"
	callback       = "http://127.0.0.1:9/callback"
	userReadAll    = "df021288-bdef-4463-88db-98f22de89214"
	memberReadAll  = "98830695-27a2-44f7-8c18-0c3ebc9698f6"
	legacySecret   = "a legacy secret, forty characters long ~"

	globalAdmin = "ada@contoso.example"
	roleAdmin   = "pam@contoso.example"
	cloudAdmin  = "carl@contoso.example"
	plainUser   = "uma@contoso.example"
	guestAdmin  = "gus_fabrikam.example#EXT#@contoso.example"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// MSAL looks at the real clock, so tests begin at the present.
func newClock() *clock { return &clock{now: time.Now().UTC().Truncate(time.Second)} }

// keyPair is an app's certificate with its private key.
type keyPair struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

var sharedKeys = sync.OnceValue(func() [3]*rsa.PrivateKey {
	var keys [3]*rsa.PrivateKey
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

func newKeyPair(t *testing.T, n int, from, until time.Time) keyPair {
	t.Helper()
	key := sharedKeys()[n]
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(n + 1)), Subject: pkix.Name{CommonName: "connector"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return keyPair{cert: cert, key: key}
}

// stage is an emulator with a vendor, a customer, the vendor's connector app and the customer's legacy app.
type stage struct {
	*emulator.Server
	clock *clock
	key   keyPair
	apps  int
	next  *keyPair     // the certificate that an app is to roll to
	web   *http.Client // that keeps its connection
}

func start(t *testing.T, config emulator.Config) *emulator.Server {
	t.Helper()
	s, err := emulator.New(config)
	require.NoError(t, err)
	require.NoError(t, s.Start())
	return s
}

func newStage(t *testing.T, change ...func(*emulator.Config)) *stage {
	t.Helper()
	c := newClock()
	config := emulator.Config{Now: c.Now}
	for _, f := range change {
		f(&config)
	}
	s := &stage{Server: start(t, config), clock: c, key: newKeyPair(t, 0, c.Now().Add(-time.Hour), c.Now().AddDate(0, 0, 30))}
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	s.build(t)
	return s
}

func (s *stage) build(t *testing.T) {
	t.Helper()
	require.NoError(t, s.AddTenant(emulator.Tenant{ID: vendorTenant, DisplayName: "Vendor", Domain: "vendor.example"}))
	require.NoError(t, s.AddTenant(emulator.Tenant{ID: customerTenant, DisplayName: "Contoso", Domain: "contoso.example",
		Generate: &emulator.Generate{Seed: 1, Users: 60, Groups: 20}}))
	people := []emulator.Person{
		{ObjectID: "00000000-0000-4000-8000-0000000000a1", UPN: globalAdmin, Name: "Ada Admin", Roles: []string{emulator.RoleGlobalAdministrator}},
		{ObjectID: "00000000-0000-4000-8000-0000000000a2", UPN: roleAdmin, Name: "Pam Privileged", Roles: []string{emulator.RolePrivilegedRoleAdministrator}},
		{ObjectID: "00000000-0000-4000-8000-0000000000a3", UPN: cloudAdmin, Name: "Carl Cloud", Roles: []string{emulator.RoleCloudApplicationAdministrator}},
		{ObjectID: "00000000-0000-4000-8000-0000000000a4", UPN: plainUser, Name: "Uma User"},
		{ObjectID: "00000000-0000-4000-8000-0000000000a5", UPN: guestAdmin, Name: "Gus Guest", Guest: true, Roles: []string{emulator.RoleGlobalAdministrator}},
	}
	for _, p := range people {
		p.TenantID = customerTenant
		require.NoError(t, s.AddPerson(p))
	}
	require.NoError(t, s.AddApplication(emulator.Application{AppID: connectorApp, ObjectID: connectorObject, TenantID: vendorTenant, DisplayName: "Vendor connector",
		MultiTenant: true, RedirectURIs: []string{callback}, RequiredRoles: []string{userReadAll, memberReadAll},
		DelegatedScopes: []string{"openid", "profile"}, GroupMembershipClaims: "DirectoryRole", OptionalClaims: []string{"acct"},
		Certificates: [][]byte{s.key.cert.Raw}, ServicePrincipal: true}))
	require.NoError(t, s.AddApplication(emulator.Application{AppID: legacyApp, TenantID: customerTenant, DisplayName: "Vendor sync (old)",
		RequiredRoles: []string{userReadAll, memberReadAll}, Consented: true,
		Secrets: []emulator.Secret{{Value: legacySecret, NotAfter: s.clock.Now().AddDate(0, 1, 0)}}}))
}

// browser is a person's browser: it keeps cookies and stops at the app's own addresses.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{t: t, client: &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

// view is what the browser shows after a step: a page with its form, or the address of the app it was sent to.
type view struct {
	status  int
	text    string
	action  string
	hidden  url.Values
	buttons []string   // name=value
	sent    url.Values // what the app was told
	mark    string     // how: ? or #
}

func (b *browser) open(address string) view {
	return b.step(http.NewRequest(http.MethodGet, address, nil))
}

// press posts the page's form with one of its buttons.
func (b *browser) press(from string, v view, button string) view {
	b.t.Helper()
	require.Contains(b.t, v.buttons, button, v.text)
	name, value, _ := strings.Cut(button, "=")
	form := url.Values{name: {value}}
	maps.Copy(form, v.hidden)
	target, err := url.Parse(from)
	require.NoError(b.t, err)
	target, err = target.Parse(v.action)
	require.NoError(b.t, err)
	r, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.step(r, err)
}

func (b *browser) step(r *http.Request, err error) view {
	b.t.Helper()
	require.NoError(b.t, err)
	resp, err := b.client.Do(r.WithContext(b.t.Context()))
	require.NoError(b.t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	v := view{status: resp.StatusCode, text: string(content), hidden: url.Values{}}
	if location := resp.Header.Get("Location"); location != "" {
		answer, ours := strings.CutPrefix(location, callback)
		require.True(b.t, ours, location)
		v.mark = answer[:1]
		v.sent, err = url.ParseQuery(answer[1:])
		require.NoError(b.t, err)
		return v
	}
	root, err := html.Parse(strings.NewReader(v.text))
	require.NoError(b.t, err)
	for n := range root.Descendants() {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "form":
			v.action = attr["action"]
		case n.Data == "input":
			v.hidden.Add(attr["name"], attr["value"])
		case n.Data == "button":
			v.buttons = append(v.buttons, attr["name"]+"="+attr["value"])
		}
	}
	return v
}

func (s *stage) address(path string, query url.Values) string {
	return s.HTTPURL() + path + "?" + query.Encode()
}

func consentQuery() url.Values {
	return url.Values{"client_id": {connectorApp}, "redirect_uri": {callback}, "scope": {"https://graph.microsoft.com/.default"}, "state": {"s1"}}
}

// consent walks an administrator through the consent page.
func (s *stage) consent(t *testing.T, upn string) view {
	t.Helper()
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/v2.0/adminconsent", consentQuery())
	page := b.press(at, b.open(at), "login="+upn)
	return b.press(at, page, "consent=accept")
}

// post sends a form to a token endpoint and decodes the answer.
func (s *stage) post(t *testing.T, path string, form url.Values) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.HTTPSURL()+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(t, r)
}

func (s *stage) do(t *testing.T, r *http.Request) (int, map[string]any) {
	t.Helper()
	resp, err := s.HTTPClient().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var body map[string]any
	if len(content) > 0 {
		require.NoError(t, json.Unmarshal(content, &body), string(content))
	}
	return resp.StatusCode, body
}

// token fetches an app-only token by the legacy app's secret.
func (s *stage) legacyToken(t *testing.T) string {
	t.Helper()
	status, body := s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", legacyForm())
	require.Equal(t, 200, status, body)
	return body["access_token"].(string)
}

// get asks Graph.
func (s *stage) get(t *testing.T, token, address string) (int, map[string]any) {
	t.Helper()
	if !strings.HasPrefix(address, "https://") {
		address = s.HTTPSURL() + address
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	return s.do(t, r)
}

type (
	config      = emulator.Config
	certificate = x509.Certificate
)

const consoleID = "eeeeeeee-0000-4000-8000-000000000005"

// consoleApp is a public client for signing people of the vendor in.
func consoleApp(s *stage) emulator.Application {
	_ = s.AddPerson(emulator.Person{TenantID: vendorTenant, ObjectID: "00000000-0000-4000-8000-0000000000b1", UPN: "olga@vendor.example", Name: "Olga Operator"})
	return emulator.Application{AppID: consoleID, TenantID: vendorTenant, DisplayName: "Console", RedirectURIs: []string{callback}, Consented: true}
}

// publishedKeys are the token signing keys by id.
func (s *stage) publishedKeys(t *testing.T, tenant string) map[string]*rsa.PublicKey {
	t.Helper()
	_, body := s.get(t, "", "/"+tenant+"/discovery/v2.0/keys")
	keys := map[string]*rsa.PublicKey{}
	for _, v := range body["keys"].([]any) {
		k := v.(map[string]any)
		der, err := base64.StdEncoding.DecodeString(k["x5c"].([]any)[0].(string))
		require.NoError(t, err)
		cert, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		keys[k["kid"].(string)] = cert.PublicKey.(*rsa.PublicKey)
	}
	return keys
}

// control calls the control API.
func (s *stage) control(t *testing.T, method, path string, body any) (int, string) {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), method, s.ControlURL()+"/__control"+path, strings.NewReader(string(raw)))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(content)
}
