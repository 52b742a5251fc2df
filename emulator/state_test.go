package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// restart closes the emulator and opens its state again on the same ports.
func (s *stage) restart(t *testing.T, config emulator.Config) {
	t.Helper()
	config.HTTPSAddr, config.HTTPAddr = strings.TrimPrefix(s.HTTPSURL(), "https://"), strings.TrimPrefix(s.HTTPURL(), "http://")
	require.NoError(t, s.Close(t.Context()))
	s.Server = start(t, config)
}

func TestEverythingSurvivesARestart(t *testing.T) {
	var config emulator.Config
	s := newStage(t, func(c *emulator.Config) {
		c.StateDir, c.PageSize = t.TempDir(), 10
		config = *c
	})
	require.Equal(t, "True", s.consent(t, globalAdmin).sent.Get("admin_consent"))
	next := newKeyPair(t, 1, s.clock.Now().Add(-time.Hour), s.clock.Now().AddDate(0, 0, 30))
	keyID, err := s.AddCertificate(connectorApp, next.cert.Raw)
	require.NoError(t, err)
	token := s.legacyToken(t)
	_, link := s.round(t, token, "/v1.0/groups/delta?$select=displayName,members")
	_, half := s.get(t, token, "/v1.0/users/delta?$select=displayName")
	first := s.Directory(customerTenant)
	require.NoError(t, s.DeleteUser(customerTenant, first.Users[0].ID))
	id, err := s.CreateGroup(customerTenant, emulator.Group{DisplayName: "Made later", SecurityEnabled: true})
	require.NoError(t, err)
	require.NoError(t, s.AddMember(customerTenant, id, first.Users[1].ID))
	before, grants, ca, keys := s.Directory(customerTenant), s.Grants(customerTenant), s.CAPEM(), s.publishedKeys(t, customerTenant)

	s.restart(t, config)
	s.build(t) // programs say again at each start what they need; nothing of it changes what is there
	require.Equal(t, before, s.Directory(customerTenant))
	require.Equal(t, grants, s.Grants(customerTenant))
	require.Equal(t, ca, s.CAPEM())
	require.Equal(t, keys, s.publishedKeys(t, customerTenant))
	require.Equal(t, keyID, s.Keys(connectorApp)[1].KeyID)

	changes, _ := s.round(t, token, link)
	found := map[string]bool{}
	for _, c := range changes {
		found[c["id"].(string)] = true
	}
	require.True(t, found[id], "the delta link and the token still mean the same")
	status, body := s.get(t, token, half["@odata.nextLink"].(string))
	require.Equal(t, 200, status, body)
	path := "/" + customerTenant + "/oauth2/v2.0/token"
	status, body = s.post(t, path, s.assertionForm(t, path, next, nil))
	require.Equal(t, 200, status, body)
}

func TestRegistrationAgainBringsNoRemovedKeyBack(t *testing.T) {
	var config emulator.Config
	s := newStage(t, func(c *emulator.Config) { c.StateDir = t.TempDir(); config = *c })
	next := newKeyPair(t, 1, s.clock.Now().Add(-time.Hour), s.clock.Now().AddDate(0, 0, 30))
	_, err := s.AddCertificate(connectorApp, next.cert.Raw)
	require.NoError(t, err)
	require.NoError(t, s.RemoveCertificate(connectorApp, s.Keys(connectorApp)[0].KeyID))
	s.restart(t, config)
	s.build(t)
	require.Len(t, s.Keys(connectorApp), 1)

	moved := emulator.Application{AppID: connectorApp, ObjectID: connectorObject, TenantID: vendorTenant, DisplayName: "Vendor connector",
		MultiTenant: true, RedirectURIs: []string{callback, callback + "2"}, Certificates: [][]byte{s.key.cert.Raw}, ServicePrincipal: true}
	require.NoError(t, s.AddApplication(moved))
	require.Len(t, s.Keys(connectorApp), 1, "a changed registration does not either")
	require.Contains(t, newBrowser(t).open(s.address("/"+customerTenant+"/v2.0/adminconsent", consentQuery())).text, "Pick an account")
}

func TestLogEndingInTheMiddleOfAnEvent(t *testing.T) {
	var config emulator.Config
	s := newStage(t, func(c *emulator.Config) { c.StateDir = t.TempDir(); config = *c })
	before := s.Directory(customerTenant)
	require.NoError(t, s.Close(t.Context()))
	file := filepath.Join(config.StateDir, "events.jsonl")
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(kept, `{"at":"2026-01-01T00:00:00Z","kind":"direc`+strings.Repeat("x", 4096)...), 0o600))
	s.Server = start(t, config)
	require.Equal(t, before, s.Directory(customerTenant), "what nobody was told about is forgotten")
	require.NoError(t, s.DeleteUser(customerTenant, before.Users[0].ID))
	require.NoError(t, s.Close(t.Context()))
	s.Server = start(t, config)
	require.Len(t, s.Directory(customerTenant).Users, len(before.Users)-1)
	require.NoError(t, s.Close(t.Context()))

	require.NoError(t, os.WriteFile(file, append([]byte("not an event\n"), kept...), 0o600))
	_, err = emulator.New(config)
	require.ErrorContains(t, err, "events.jsonl line 1")
}

func TestStateFolderIsOneEmulatorsAtATime(t *testing.T) {
	var config emulator.Config
	s := newStage(t, func(c *emulator.Config) { c.StateDir = t.TempDir(); config = *c })
	_, err := emulator.New(config)
	require.ErrorContains(t, err, "the state folder "+config.StateDir+" is in use")
	require.NoError(t, s.DeleteUser(customerTenant, s.Directory(customerTenant).Users[0].ID), "the first goes on undisturbed")
	before := s.Directory(customerTenant)
	s.restart(t, config)
	require.Equal(t, before, s.Directory(customerTenant))
}

func TestLargeTenantStartsAtOnce(t *testing.T) {
	began := time.Now()
	s := start(t, emulator.Config{})
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	require.NoError(t, s.AddTenant(emulator.Tenant{ID: customerTenant, Domain: "big.example", Generate: &emulator.Generate{Seed: 3, Users: 5000, Groups: 300}}))
	require.Less(t, time.Since(began), 2*time.Second)
	dump := s.Directory(customerTenant)
	require.Len(t, dump.Users, 5000)
	require.Len(t, dump.Groups, 300)
	require.Greater(t, len(dump.Memberships), 10_000)
}

func TestMistakenConfigurationIsRefusedInWords(t *testing.T) {
	s := newStage(t)
	for want, err := range map[string]error{
		"a tenant needs a GUID": s.AddTenant(emulator.Tenant{ID: "contoso", Domain: "contoso.example"}),
		"already belongs to":    s.AddTenant(emulator.Tenant{ID: "99999999-0000-4000-8000-000000000009", Domain: "contoso.example"}),
		"is more than the":      s.AddTenant(emulator.Tenant{ID: consoleID, Domain: "crowd.example", Generate: &emulator.Generate{Users: 1e12}}),
		"cannot become":         s.AddTenant(emulator.Tenant{ID: vendorTenant, Domain: "vendor.example", Generate: &emulator.Generate{Users: 1}}),
		"no home tenant":        s.AddApplication(emulator.Application{AppID: consoleID, TenantID: "99999999-0000-4000-8000-000000000009"}),
		"no app role":           s.AddApplication(emulator.Application{AppID: consoleID, TenantID: vendorTenant, RequiredRoles: []string{"User.Read.All"}}),
		"needs a GUID as":       s.AddPerson(emulator.Person{TenantID: vendorTenant, UPN: "a@b", Name: "A"}),
		"another person":        s.AddPerson(emulator.Person{TenantID: customerTenant, ObjectID: consoleID, UPN: plainUser, Name: "A"}),
	} {
		require.ErrorContains(t, err, want)
	}
	_, err := emulator.New(emulator.Config{HTTPAddr: "0.0.0.0:0"})
	require.ErrorContains(t, err, "loopback")
	_, err = emulator.New(emulator.Config{KeyDelay: -time.Second})
	require.ErrorContains(t, err, "is negative")
}

func TestFaults(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	ask := func(path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.HTTPSURL()+path, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := s.HTTPClient().Do(r)
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
		return resp, err
	}
	status := func(path string) int {
		resp, err := ask(path)
		require.NoError(t, err)
		return resp.StatusCode
	}
	s.SetFault(emulator.Fault{PathPrefix: "/v1.0/users", Status: 429, RetryAfter: "7", Remaining: 2})
	resp, err := ask("/v1.0/users/delta")
	require.NoError(t, err)
	require.Equal(t, 429, resp.StatusCode)
	require.Equal(t, "7", resp.Header.Get("Retry-After"))
	require.Equal(t, 200, status("/v1.0/groups"))
	require.Equal(t, 429, status("/v1.0/users"))
	require.Equal(t, 200, status("/v1.0/users"), "two requests were to fail")

	id := s.SetFault(emulator.Fault{TenantID: customerTenant, AppID: legacyApp, Drop: true, Remaining: -1})
	_, err = ask("/v1.0/users")
	require.Error(t, err)
	s.ClearFault(id)
	require.Equal(t, 200, status("/v1.0/users"))

	s.SetFault(emulator.Fault{TenantID: vendorTenant, Status: 500, Remaining: -1})
	require.Equal(t, 200, status("/v1.0/users"), "another tenant's fault")
	s.SetFault(emulator.Fault{PathPrefix: "/oauth2/v2.0/token", Status: 503})
	code, body := s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", url.Values{"client_id": {legacyApp}})
	require.Equal(t, 503, code)
	require.Equal(t, "temporarily_unavailable", body["error"])
	s.SetFault(emulator.Fault{PathPrefix: "/oauth2/v2.0/token", Status: 502, Body: "<h1>Bad gateway</h1>", ContentType: "text/html"})
	r, err := s.HTTPClient().Post(s.HTTPSURL()+"/"+customerTenant+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", strings.NewReader("grant_type=x"))
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, 502, r.StatusCode)
	require.Equal(t, "text/html", r.Header.Get("Content-Type"))
	s.ClearFaults()
	require.Empty(t, s.Faults())
}

func TestControlOverHTTP(t *testing.T) {
	s := newStage(t)
	control := func(method, path string, body any) (int, string) {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), method, s.HTTPURL()+"/__control"+path, bytes.NewReader(raw))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	status, text := control("GET", "/tenants/"+customerTenant+"/directory", nil)
	require.Equal(t, 200, status)
	var dump emulator.Dump
	require.NoError(t, json.Unmarshal([]byte(text), &dump))
	require.Equal(t, s.Directory(customerTenant), dump, "the directory over HTTP is the directory")

	status, text = control("POST", "/mutations", []map[string]any{
		{"tenantId": customerTenant, "op": "create-user", "user": map[string]any{"displayName": "X", "userPrincipalName": "x@contoso.example"}},
		{"tenantId": customerTenant, "op": "update-user", "id": dump.Users[0].ID, "set": map[string]any{"jobTitle": "Captain"}},
		{"tenantId": customerTenant, "op": "delete-group", "id": dump.Groups[0].ID}})
	require.Equal(t, 200, status, text)
	require.Len(t, s.Directory(customerTenant).Groups, len(dump.Groups)-1)
	status, text = control("GET", "/tenants", nil)
	require.Equal(t, 200, status)
	require.Contains(t, text, "Ada Admin")
	status, text = control("GET", "/applications", nil)
	require.Equal(t, 200, status)
	require.Contains(t, text, connectorApp)
	require.NotContains(t, text, legacySecret)

	status, _ = control("POST", "/faults", map[string]any{"pathPrefix": "/v1.0", "status": 503, "remaining": -1})
	require.Equal(t, 200, status)
	require.Len(t, s.Faults(), 1)
	status, _ = control("DELETE", "/faults", nil)
	require.Equal(t, 204, status)
	require.Empty(t, s.Faults())
	status, _ = control("POST", "/consents", map[string]any{"tenantId": customerTenant, "appId": connectorApp})
	require.Equal(t, 204, status)
	require.Len(t, s.Grants(customerTenant), 2)
	status, _ = control("POST", "/revoke", map[string]any{"tenantId": customerTenant, "appId": connectorApp})
	require.Equal(t, 204, status)
	require.Len(t, s.Grants(customerTenant), 1)

	status, text = control("POST", "/faults", map[string]any{"pathprefixes": "/v1.0"})
	require.Equal(t, 400, status)
	require.Contains(t, text, "pathprefixes")
	status, _ = control("POST", "/mutations", map[string]any{"tenantId": connectorApp, "op": "delete-user", "id": dump.Users[0].ID})
	require.Equal(t, 404, status)
}

func TestControlIsForThisMachineAlone(t *testing.T) {
	s := newStage(t)
	resp, err := s.HTTPClient().Get(s.HTTPSURL() + "/__control/tenants")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 404, resp.StatusCode, "not at the programs' address")

	ask := func(change func(*http.Request)) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.HTTPURL()+"/__control/faults", strings.NewReader(`{"status":503}`))
		require.NoError(t, err)
		change(r)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	require.Equal(t, 403, ask(func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }))
	require.Equal(t, 403, ask(func(r *http.Request) { r.Host = "evil.example" }))
	require.Equal(t, 200, ask(func(*http.Request) {}))
}

func TestIndexPageShowsTheWorld(t *testing.T) {
	s := newStage(t)
	s.legacyToken(t)
	page := newBrowser(t).open(s.HTTPURL() + "/")
	require.Equal(t, 200, page.status)
	for _, text := range []string{"Contoso", "contoso.example", "Vendor connector", "Ada Admin", "User.Read.All", "/oauth2/v2.0/token"} {
		require.Contains(t, page.text, text)
	}
	require.NotContains(t, page.text, legacySecret)
}
