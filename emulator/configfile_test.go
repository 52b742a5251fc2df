package emulator_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// goodFile uses every part of a configuration.
const goodFile = `# a comment
seed: 7
consentDelay: 3s
replicas:
  - {name: near}
  - {name: far, lag: 2s}
choice: sticky
switches: {missingPrincipal: "7000229"}
tenants:
  - id: ` + vendorTenant + `
    displayName: Vendor
    domain: vendor.example
  - id: ` + customerTenant + `
    displayName: Contoso
    domain: contoso.example
    generate: {users: 30, groups: 4}
    policy:
      userConsentOff: true
      consentRequests: true
      reviewers: [` + globalAdmin + `]
      requestLifetime: 72h
      switches: {consentDeclined: permission_denied, refusals: {90002: {error: invalid_tenant}}}
persons:
  - {tenantId: contoso.example, objectId: 00000000-0000-4000-8000-0000000000a1, upn: ` + globalAdmin + `, name: Ada Admin, roles: [62e90394-69f5-4237-9190-012177145e10]}
applications:
  - appId: ` + connectorApp + `
    tenantId: ` + vendorTenant + `
    displayName: Connector
    multiTenant: true
    requiredRoles: [` + userReadAll + `]
    certificateFiles: [app.pem]
  - appId: ` + legacyApp + `
    tenantId: ` + customerTenant + `
    displayName: Old app
    consented: true
    secrets: [{value: "` + legacySecret + `", notAfter: 2040-01-01T00:00:00Z}]
consents:
  - {tenantId: ` + customerTenant + `, appId: ` + connectorApp + `}
faults:
  - {id: slow, pathPrefix: /v1.0/groups, status: 429, retryAfter: "120", remaining: 2}
`

func writeConfig(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	pair := newKeyPair(t, 0, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.cert.Raw}), 0o600))
	path := filepath.Join(dir, "emulator.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestConfigurationMakesAWorld(t *testing.T) {
	f, err := emulator.ReadFile(writeConfig(t, goodFile))
	require.NoError(t, err)
	require.Equal(t, emulator.Duration(3*time.Second), *f.ConsentDelay)
	require.Equal(t, emulator.Duration(2*time.Second), f.Replicas[1].Lag)
	require.Equal(t, "invalid_tenant", f.Tenants[1].Policy.Switches.Refusals[90002].Error)
	s := &stage{Server: start(t, emulator.Config{ConsentDelay: time.Hour}), clock: newClock()}
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	require.NoError(t, f.Populate(s.Server))
	require.NoError(t, f.Populate(s.Server), "twice is once")
	require.Len(t, s.Directory(customerTenant).Users, 31)
	require.Len(t, s.Keys(connectorApp), 1)
	require.Len(t, s.Grants(customerTenant), 2)
	require.Len(t, s.Faults(), 1)
	s.legacyToken(t)

	other := start(t, emulator.Config{})
	t.Cleanup(func() { require.NoError(t, other.Close(context.WithoutCancel(t.Context()))) })
	f.Seed = 8
	require.NoError(t, f.Populate(other))
	require.NotEqual(t, s.Directory(customerTenant), other.Directory(customerTenant), "another seed, another directory")
}

func TestConfigurationIsJSONToo(t *testing.T) {
	f, err := emulator.ReadFile(writeConfig(t, `{"tenants": [{"id": "`+customerTenant+`", "domain": "contoso.example"}], "pageSize": 50}`))
	require.NoError(t, err)
	require.Equal(t, 50, f.PageSize)
	_, err = emulator.ReadFile(writeConfig(t, "# nothing yet\n"))
	require.NoError(t, err)
}

func TestConfigurationThatIsWrongIsRefusedWithFileLineAndField(t *testing.T) {
	for name, c := range map[string]struct {
		old, changed string // in goodFile
		want         string // line: field: problem
	}{
		"unknown key":            {"choice: sticky", "chioce: sticky", "7: chioce: is not known here"},
		"unknown key inside":     {"    multiTenant: true", "    multitenant: true", "29: applications[0].multitenant: is not known here"},
		"key twice":              {"choice: sticky", "seed: 8", "7: seed: is there twice"},
		"tenant twice":           {"  - id: " + customerTenant, "  - id: " + vendorTenant, "13: tenants[1].id: is the same as tenants[0].id in line 10"},
		"domain twice":           {"    domain: contoso.example", "    domain: VENDOR.example", "15: tenants[1].domain: is the same as tenants[0].domain in line 12"},
		"app twice":              {"  - appId: " + legacyApp, "  - appId: " + connectorApp, "32: applications[1].appId: is the same as applications[0].appId in line 26"},
		"missing tenant":         {"tenantId: contoso.example", "tenantId: fabrikam.example", `24: persons[0].tenantId: no tenant here has the id or domain "fabrikam.example"`},
		"tenant left out":        {"tenantId: contoso.example, ", "", `24: persons[0].tenantId: no tenant here has the id or domain ""`},
		"missing tenant of app":  {"    tenantId: " + vendorTenant, "    tenantId: " + consoleID, `27: applications[0].tenantId: no tenant here has the id or domain "` + consoleID + `"`},
		"missing app":            {", appId: " + connectorApp, ", appId: " + consoleID, `38: consents[0].appId: no application here has the id`},
		"not a GUID":             {"  - id: " + vendorTenant, "  - id: vendor", `10: tenants[0].id: "vendor" is not a GUID`},
		"not a number":           {"users: 30", "users: many", "16: tenants[1].generate.users: is not a whole number"},
		"not a truth":            {"userConsentOff: true", "userConsentOff: perhaps", "18: tenants[1].policy.userConsentOff: is not a bool"},
		"not a time span":        {"consentDelay: 3s", "consentDelay: 3", `3: consentDelay: "3" is not a time span such as 90s or 36h`},
		"not a list":             {"reviewers: [" + globalAdmin + "]", "reviewers: " + globalAdmin, "20: tenants[1].policy.reviewers: is not a list"},
		"not fields":             {"generate: {users: 30, groups: 4}", "generate: 30", "16: tenants[1].generate: is not a set of fields"},
		"not YAML":               {"seed: 7", "seed: [7", "did not find expected"},
		"unknown role":           {"requiredRoles: [" + userReadAll + "]", "requiredRoles: [User.Read.All]", `30: applications[0].requiredRoles[0]: no app role`},
		"certificate not there":  {"[app.pem]", "[other.pem]", "31: applications[0].certificateFiles[0]: "},
		"switch without meaning": {"consentDeclined: permission_denied", "consentDeclined: silence", "22: tenants[1].policy.switches: consentDeclined is one of"},
		"negative users":         {"users: 30", "users: -3", "16: tenants[1].generate.users: is negative"},
		"too many users":         {"users: 30", "users: 30000000000", "16: tenants[1].generate.users: is more than the 10000000 that a directory can have here"},
		"address of no use":      {"seed: 7", "publicUrl: login.example", `2: publicUrl: "login.example" is not an address of the form https://host[:port]`},
		"negative page":          {"seed: 7", "pageSize: -1", "2: pageSize: is negative"},
		"negative delay":         {"consentDelay: 3s", "consentDelay: -3s", "3: consentDelay: is negative"},
		"negative lifetime":      {"requestLifetime: 72h", "requestLifetime: -1h", "21: tenants[1].policy.requestLifetime: is negative"},
		"replica twice":          {"{name: far, ", "{name: near, ", "6: replicas[1].name: is the same as replicas[0].name in line 5"},
		"role of no meaning":     {"roles: [62e90394-69f5-4237-9190-012177145e10]", "roles: [Global Administrator]", `24: persons[0].roles[0]: "Global Administrator" is not the template id`},
		"reviewer not there":     {"reviewers: [" + globalAdmin + "]", "reviewers: [nobody@contoso.example]", `20: tenants[1].policy.reviewers[0]: no person of this tenant has the name "nobody@contoso.example"`},
		"optional claim":         {"    multiTenant: true", "    multiTenant: true\n    optionalClaims: [shoe]", `30: applications[0].optionalClaims[0]: the optional claims emulated are`},
		"group claims":           {"    multiTenant: true", "    multiTenant: true\n    groupMembershipClaims: Roles", `30: applications[0].groupMembershipClaims: is one of`},
		"delegated scope":        {"    multiTenant: true", "    multiTenant: true\n    delegatedScopes: [read it all]", `30: applications[0].delegatedScopes[0]: "read it all" is no delegated permission`},
		"redirect address":       {"    multiTenant: true", "    multiTenant: true\n    redirectUris: [callback]", `30: applications[0].redirectUris[0]: "callback" is not an absolute address`},
		"certificate":            {"    multiTenant: true", "    multiTenant: true\n    certificates: [AAAA]", `30: applications[0].certificates[0]: is not a certificate`},
		"empty secret":           {`value: "` + legacySecret + `"`, `value: ""`, `36: applications[1].secrets[0].value: is empty`},
		"name left out":          {", name: Ada Admin", "", `24: persons[0].name: is missing`},
		"consent elsewhere":      {"    multiTenant: true", "    multiTenant: false", `38: consents[0].appId: the application is for its own tenant alone`},
		"host with a space":      {"seed: 7", "hosts: [login.example, a b]", `2: hosts[1]: "a b" is not the name of a host`},
		"domain with a space":    {"    domain: vendor.example", "    domain: a b", `12: tenants[0].domain: "a b" is not the name of a domain`},
		"name without domain":    {"upn: " + globalAdmin, "upn: ada", `24: persons[0].upn: "ada" is not a user principal name`},
		"fault of nothing":       {"{id: slow, pathPrefix: /v1.0/groups, status: 429, retryAfter: \"120\", remaining: 2}", "{}", "40: faults[0].status: is missing"},
		"path without slash":     {"pathPrefix: /v1.0", "pathPrefix: v1.0", `40: faults[0].pathPrefix: "v1.0/groups" does not begin with a slash`},
		"negative cut":           {"remaining: 2", "cut: -2", "40: faults[0].cut: is negative"},
		"unknown AADSTS":         {"remaining: 2", "aadsts: 12", "40: faults[0].aadsts: AADSTS12 is never said here"},
		"status of a refusal":    {"{error: invalid_tenant}", "{status: 999}", "22: tenants[1].policy.switches: refusals.90002.status is from 400 to 599, not 999"},
		"replica without name":   {"{name: far, ", "{", "6: replicas[1]: a replica needs a name"},
	} {
		path := writeConfig(t, strings.Replace(goodFile, c.old, c.changed, 1))
		require.Contains(t, goodFile, c.old, name)
		_, err := emulator.ReadFile(path)
		require.Error(t, err, name)
		require.Contains(t, err.Error(), path+":", name)
		require.Contains(t, err.Error(), c.want, name)
		require.ErrorAs(t, err, new(*emulator.ConfigError), name)
	}
	_, err := emulator.ReadFile(writeConfig(t, "a: 1\nb: 2\n"))
	require.ErrorContains(t, err, ":1: a: ")
	require.ErrorContains(t, err, ":2: b: ", "every problem at once")
	bad := strings.NewReplacer("choice: sticky", "chioce: sticky", "users: 30", "users: many", "groups: 4", "groups: -4", "seed: 7", "pageSize: -7",
		"consents:\n", "consents: &again\n", "appId: "+connectorApp+"}", "appId: "+consoleID+"}").Replace(goodFile)
	_, err = emulator.ReadFile(writeConfig(t, bad))
	for _, problem := range []string{"chioce: is not known here", "generate.users: is not a whole number", "generate.groups: is negative", "pageSize: is negative",
		"consents[0].appId: no application here has the id"} {
		require.ErrorContains(t, err, problem, "spelling, types and meaning in one answer")
	}
	_, err = emulator.ReadFile(writeConfig(t, strings.Replace(goodFile, "    domain: vendor.example", "    domain: [vendor.example]", 1)))
	require.Error(t, err)
	require.Equal(t, 1, strings.Count(err.Error(), "tenants[0].domain"), "once: %v", err)
	_, err = emulator.ReadFile(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorContains(t, err, "none.yaml")
}

func TestControlAPIAtAnAddressOfItsOwn(t *testing.T) {
	s := newStage(t, func(c *config) { c.ControlAddr = "127.0.0.1:0" })
	status, _ := s.control(t, "GET", "/tenants", nil)
	require.Equal(t, 200, status)
	require.NotEqual(t, s.HTTPURL(), s.ControlURL())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.HTTPURL()+"/__control/tenants", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 404, resp.StatusCode, "and nowhere else")
}

func TestIndexPageShowsKeysRequestsAndWhatIsMissing(t *testing.T) {
	s := newStage(t, lagging(emulator.RoundRobin))
	s.policy(t, emulator.Policy{UserConsentOff: true, ConsentRequests: true, Reviewers: []string{globalAdmin}})
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/oauth2/v2.0/authorize", signInQuery())
	b.press(at, b.press(at, b.open(at), "login="+plainUser), "consent=request")
	b.open(s.HTTPURL() + "/" + customerTenant + "/oauth2/v2.0/devicecode")
	s.SetFault(emulator.Fault{AADSTS: 53003, PathPrefix: "/none"})
	page := newBrowser(t).open(s.HTTPURL() + "/")
	for _, text := range []string{s.SigningKeys()[1].KeyID, "Requests for consent", plainUser, "near", "1m0s behind", "Asked for, not emulated", "/oauth2/v2.0/devicecode", "AADSTS53003",
		fmt.Sprint(s.clock.Now().Year())} {
		require.Contains(t, page.text, text)
	}
}
