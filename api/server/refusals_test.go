package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/test/standin"
)

type operationDoc struct {
	OperationID string           `json:"operationId"`
	Security    []map[string]any `json:"security"`
	Parameters  []struct {
		Name string `json:"name"`
		In   string `json:"in"`
	} `json:"parameters"`
	RequestBody *struct{} `json:"requestBody"`
}

type document struct {
	OpenAPI string                             `json:"openapi"`
	Paths   map[string]map[string]operationDoc `json:"paths"`
}

func (w *world) document() (d document) {
	w.t.Helper()
	a := w.browser().get("/openapi.json")
	require.Equal(w.t, http.StatusOK, a.status)
	a.into(&d)
	return d
}

func TestTheDocumentListsEveryRoute(t *testing.T) {
	w := newWorld(t)
	d := w.document()
	require.True(t, strings.HasPrefix(d.OpenAPI, "3.1"))
	var documented []string
	for path, operations := range d.Paths {
		for method := range operations {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	var routed []string
	for _, r := range w.echo.Routes() {
		if strings.HasPrefix(r.Path, "/auth/") || strings.HasPrefix(r.Path, "/consent/") || strings.HasPrefix(r.Path, codecPrefix) || strings.HasPrefix(r.Path, "/openapi") || r.Method == "echo_route_not_found" {
			continue // browsers on their way, Temporal's own protocol, and the document itself
		}
		routed = append(routed, r.Method+" "+strings.ReplaceAll(r.Path, ":id", "{id}"))
	}
	require.ElementsMatch(t, routed, documented)
	require.Greater(t, len(routed), 25)
}

func TestWithoutASessionNothingIsAnswered(t *testing.T) {
	w := newWorld(t)
	stranger := w.browser()
	before := w.rows()
	for path, operations := range w.document().Paths {
		for method, op := range operations {
			if len(op.Security) == 0 {
				require.Contains(t, []string{"/healthz", "/readyz"}, path)
				continue
			}
			a := stranger.do(strings.ToUpper(method), strings.ReplaceAll(path, "{id}", w.migration("contoso").ID), "", nil)
			require.Equal(t, http.StatusUnauthorized, a.status, "%s %s", method, path)
			require.Equal(t, "sign-in-needed", a.problem().Code)
		}
	}
	require.Equal(t, before, w.rows())
}

// ids of something of contoso's for every kind of thing that has a page.
func (w *world) ids() map[string]string {
	w.t.Helper()
	m := w.migration("contoso")
	decision := w.as("ana-approver").post(prefix+"/migrations/"+m.ID+"/decisions", map[string]any{"kind": "describe", "description": "People of the head office"})
	require.Equal(w.t, http.StatusAccepted, decision.status, decision.body)
	var d Decision
	decision.into(&d)
	run := domain.SyncRun{ID: "run_contoso", AccountID: "acc-contoso", IntegrationID: "contoso", Purpose: domain.RunManual, State: domain.RunDone, StartedAt: domain.At(w.clock.Now())}
	connector := domain.Connector{ID: "con_contoso", AccountID: "acc-contoso", TenantID: contoso, Product: "other", Name: "c", CellID: "cell-eu", PermissionSet: 1, CreatedAt: domain.At(w.clock.Now())}
	hold := domain.Hold{ID: "hld_contoso", AccountID: "acc-contoso", IntegrationID: "contoso", RunID: run.ID, Kind: "user", Operation: "remove", State: "held", CreatedAt: domain.At(w.clock.Now())}
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error {
		if err := r.SyncRuns().Insert(&run); err != nil {
			return err
		}
		if err := r.Holds().Insert(&hold); err != nil {
			return err
		}
		return r.Connectors().Insert(&connector)
	}))
	ana := w.as("ana-approver")
	var invited Invited
	ana.post(prefix+"/invitations", map[string]any{"name": "contoso's auditor", "accountId": "acc-contoso", "role": "view"}).into(&invited)
	token := ana.post(prefix+"/tokens", map[string]any{"name": "contoso's exporter", "accountId": "acc-contoso", "role": "view"})
	require.Equal(w.t, http.StatusCreated, token.status, token.body)
	var issued TokenIssued
	token.into(&issued)
	return map[string]string{
		"/tokens/{id}": issued.ID, "/invitations/{id}": invited.ID, "/people/{id}": ana.person("acc-contoso", "vic-viewer").PersonID,
		"/integrations/{id}": "contoso", "/migrations/{id}": m.ID, "/decisions/{id}": d.ID, "/sync-runs/{id}": run.ID, "/connectors/{id}": connector.ID,
		"/campaigns/{id}": "campaign-eu", "/cells/{id}": "cell-eu", "/accounts/{id}": "acc-contoso",
	}
}

// TestWhatIsNotYoursDoesNotExist asks every route that takes an id, as somebody
// of another account, for a thing that exists and for one that does not: the
// answers must read alike, and nothing may change.
func TestWhatIsNotYoursDoesNotExist(t *testing.T) {
	w := newWorld(t)
	ids := w.ids()
	fay, olga, ana := w.as("fay-fabric"), w.as("olga-operator"), w.as("ana-approver")
	bodies := map[string]string{
		"decide": `{"kind":"describe","description":"People of the head office"}`, "signal-consent-granted": `{"consentSessionId":"cs_x"}`,
		"change-campaign": campaignBody(t, w), "change-role": `{"accountId":"acc-contoso","role":"view"}`,
		"request-deletion": `{"name":"Contoso"}`, "replace-legacy-secret": `{"secret":"another~one-of-forty-characters","secretEndsAt":"2027-01-01T00:00:00Z"}`, "change-cell": `{"name":"Europe"}`,
	}
	asked := 0
	for path, operations := range w.document().Paths {
		if !strings.Contains(path, "{id}") {
			continue
		}
		known := ""
		for template, id := range ids {
			if strings.HasPrefix(path, prefix+template) {
				known = id
			}
		}
		require.NotEmpty(t, known, path)
		for method, op := range operations {
			asked++
			method, body := strings.ToUpper(method), bodies[op.OperationID]
			operatorsOnly := strings.Contains(path, "/campaigns/") || strings.Contains(path, "/cells/")
			before := w.rows()
			hidden := fay.do(method, strings.ReplaceAll(path, "{id}", known), body, nil)
			missing := fay.do(method, strings.ReplaceAll(path, "{id}", "unknown"), body, nil)
			require.Equal(t, missing.status, hidden.status, "%s %s: %s", method, path, hidden.body)
			if operatorsOnly && method != http.MethodGet {
				require.Equal(t, http.StatusForbidden, hidden.status, "%s %s", method, path)
			} else {
				require.Equal(t, http.StatusNotFound, hidden.status, "%s %s", method, path)
			}
			require.Equal(t, missing.problem().Detail, hidden.problem().Detail)
			require.Equal(t, before, w.rows(), "%s %s", method, path)
			entitled := olga
			if !operatorsOnly {
				entitled = ana
			}
			require.Equal(t, http.StatusNotFound, entitled.do(method, strings.ReplaceAll(path, "{id}", "unknown"), body, nil).status, "%s %s", method, path)
			if method == http.MethodGet {
				require.Equal(t, http.StatusOK, entitled.do(method, strings.ReplaceAll(path, "{id}", known), body, nil).status, "%s %s", method, path)
			}
		}
	}
	require.Greater(t, asked, 12)
}

// TestListsHoldOnlyWhatIsYours reads every list as another account's person,
// also with filters that name foreign things: a foreign account is not there, and
// the vendor's own lists are for its operators.
func TestListsHoldOnlyWhatIsYours(t *testing.T) {
	w := newWorld(t)
	ids := w.ids()
	fay, ana := w.as("fay-fabric"), w.as("ana-approver")
	filters := map[string]string{"accountId": "acc-contoso", "integrationId": "contoso", "migrationId": ids["/migrations/{id}"], "campaignId": "campaign-eu"}
	vendors := []string{prefix + "/campaigns", prefix + "/cells", prefix + "/codec-keys", prefix + "/processes"}
	lists := 0
	for path, operations := range w.document().Paths {
		op, ok := operations["get"]
		if !ok || strings.Contains(path, "{id}") || !strings.HasPrefix(path, prefix) || path == prefix+"/me" {
			continue
		}
		lists++
		queries := []string{""}
		for _, p := range op.Parameters {
			if v := filters[p.Name]; v != "" {
				queries = append(queries, "?"+p.Name+"="+v)
			}
		}
		for _, q := range queries {
			a := fay.get(path + q)
			want := http.StatusOK
			switch {
			case slices.Contains(vendors, path):
				want = http.StatusForbidden
			case strings.HasPrefix(q, "?accountId="):
				want = http.StatusNotFound
			}
			require.Equal(t, want, a.status, "%s%s: %s", path, q, a.body)
			require.NotContains(t, a.body, "contoso", path+q)
			require.NotContains(t, a.body, ids["/migrations/{id}"], path+q)
			if want != http.StatusOK {
				continue
			}
			var l struct {
				AsOf string `json:"asOf"`
			}
			a.into(&l)
			require.NotEmpty(t, l.AsOf, path)
		}
		if !slices.Contains(vendors, path) {
			require.Contains(t, ana.get(path).body, "contoso", path)
		}
	}
	require.Equal(t, 16, lists)
}

func campaignBody(t *testing.T, w *world) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"version": 1, "terms": standin.Terms(w.clock.Now())})
	require.NoError(t, err)
	return string(b)
}

// TestInputThatBreaksARuleIsNamed: nothing is kept, and the answer says where
// the fault is without repeating what was sent.
func TestInputThatBreaksARuleIsNamed(t *testing.T) {
	w := newWorld(t)
	m := w.migration("contoso")
	decide := prefix + "/migrations/" + m.ID + "/decisions"
	inventory := prefix + "/inventory"
	for name, c := range map[string]struct {
		by, method, path, body string
		headers                map[string]string
		status                 int
		field                  string
	}{
		"malformed JSON":            {"ana-approver", "POST", decide, `{"kind":`, nil, 400, "body"},
		"no body":                   {"ana-approver", "POST", decide, "", nil, 400, ""},
		"not JSON":                  {"ana-approver", "POST", decide, "kind=describe", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, "body"},
		"a wrong type":              {"ana-approver", "POST", decide, `{"kind":"describe","description":7}`, nil, 422, "description"},
		"an array for an object":    {"ana-approver", "POST", decide, `[]`, nil, 422, "body"},
		"an unknown kind":           {"ana-approver", "POST", decide, `{"kind":"explode"}`, nil, 422, "kind"},
		"a missing field":           {"ana-approver", "POST", decide, `{"description":"People of the head office"}`, nil, 422, "kind"},
		"an unknown field":          {"ana-approver", "POST", decide, `{"kind":"describe","description":"People of the head office","phase":"Migrated"}`, nil, 422, "phase"},
		"an over-long field":        {"ana-approver", "POST", decide, `{"kind":"describe","description":"` + strings.Repeat("x", 3000) + `"}`, nil, 422, "description"},
		"a description of 121":      {"ana-approver", "POST", decide, `{"kind":"describe","description":"` + strings.Repeat("x", 121) + `"}`, nil, 422, "description"},
		"a description like a name": {"ana-approver", "POST", decide, `{"kind":"describe","description":"Directory of contoso"}`, nil, 422, "description"},
		"a date that is none":       {"ana-approver", "POST", decide, `{"kind":"extend","deadline":"tomorrow"}`, nil, 422, "deadline"},
		"an over-long id":           {"ana-approver", "GET", prefix + "/migrations/" + strings.Repeat("x", 101), "", nil, 422, "path.id"},
		"an over-long key":          {"ana-approver", "POST", decide, `{"kind":"describe"}`, map[string]string{"Idempotency-Key": strings.Repeat("k", 201)}, 422, "header.Idempotency-Key"},
		"an empty session":          {"ana-approver", "POST", prefix + "/migrations/" + m.ID + "/signals/consent-granted", `{"consentSessionId":""}`, nil, 422, "consentSessionId"},
		"a body that is too large":  {"ana-approver", "POST", decide, `{"kind":"` + strings.Repeat("x", 70<<10) + `"}`, nil, 413, ""},
		"a limit of nothing":        {"ana-approver", "GET", prefix + "/migrations?limit=0", "", nil, 422, "query.limit"},
		"a limit that is no number": {"ana-approver", "GET", prefix + "/migrations?limit=many", "", nil, 422, "query.limit"},
		"a cursor of somebody else": {"ana-approver", "GET", prefix + "/migrations?cursor=zzzz", "", nil, 422, "cursor"},
		"a filter that is none":     {"ana-approver", "GET", prefix + "/migrations?owner=me", "", nil, 422, "query.owner"},
		"a phase that is none":      {"ana-approver", "GET", prefix + "/migrations?phase=Nowhere", "", nil, 422, "query.phase"},
		"an inventory with a fault": {"olga-operator", "POST", inventory, `{"accounts":[{"id":"acc-new","name":"New","region":"eu","timeZone":"Mars/Base"}]}`, nil, 422, "accounts[0].timeZone"},
		"an inventory of no type":   {"olga-operator", "POST", inventory, `{"accounts":"all"}`, nil, 422, "accounts"},
		"a duration in numbers":     {"olga-operator", "PUT", prefix + "/campaigns/campaign-eu", strings.Replace(campaignBody(t, w), `"72h0m0s"`, "72", 1), nil, 422, "terms."},
		"a campaign of before":      {"olga-operator", "PUT", prefix + "/campaigns/campaign-eu", strings.Replace(campaignBody(t, w), `"version":1`, `"version":99`, 1), nil, 409, ""},
		"an address that is none":   {"ana-approver", "GET", prefix + "/nothing", "", nil, 404, ""},
		"a method that is none":     {"ana-approver", "DELETE", prefix + "/migrations/" + m.ID, "", nil, 405, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.as(c.by)
			before := w.rows()
			a := b.do(c.method, c.path, c.body, c.headers)
			require.Equal(t, c.status, a.status, a.body)
			p := a.problem()
			require.NotEmpty(t, p.Code)
			require.Contains(t, p.Field, c.field, a.body)
			require.NotContains(t, a.body, strings.Repeat("x", 200), "what was sent is not repeated")
			require.Equal(t, before, w.rows())
		})
	}
}

// TestEachCommandNeedsItsRole: who lacks the role is told which it is, the
// refusal is audited and nothing changes.
func TestEachCommandNeedsItsRole(t *testing.T) {
	w := newWorld(t)
	m := w.migration("contoso")
	for name, c := range map[string]struct {
		by           []string
		method, path string
		body         string
		says         string
	}{
		"import":      {[]string{"ana-approver", "vic-viewer"}, "POST", "/inventory", `{}`, "operator"},
		"start":       {[]string{"vic-viewer"}, "POST", "/integrations/contoso/migrations", "", "migrate"},
		"synchronize": {[]string{"vic-viewer"}, "POST", "/integrations/contoso/sync-runs", "", "migrate"},
		"consent":     {[]string{"vic-viewer", "olga-operator"}, "POST", "/migrations/" + m.ID + "/consent-sessions", "", "migrate"},
		"describe":    {[]string{"vic-viewer", "olga-operator"}, "POST", "/migrations/" + m.ID + "/decisions", `{"kind":"describe","description":"People of the head office"}`, "role"},
		"approve":     {[]string{"vic-viewer", "mia-migrator", "olga-operator"}, "POST", "/migrations/" + m.ID + "/decisions", `{"kind":"approve","proofId":"prf_x"}`, "approve"},
		"extend":      {[]string{"ana-approver"}, "POST", "/migrations/" + m.ID + "/decisions", `{"kind":"extend","deadline":"2027-01-01T00:00:00Z"}`, "operator"},
		"campaign":    {[]string{"ana-approver"}, "POST", "/campaigns/campaign-eu/start", "", "operator"},
		"terms":       {[]string{"ana-approver"}, "PUT", "/campaigns/campaign-eu", campaignBody(t, w), "operator"},
		"rotate":      {[]string{"ana-approver"}, "POST", "/cells/cell-eu/rotations", "", "operator"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, by := range c.by {
				b := w.as(by)
				before, seq := w.rows(), w.audited()
				a := b.do(c.method, prefix+c.path, c.body, nil)
				require.Equal(t, http.StatusForbidden, a.status, "%s: %s", by, a.body)
				require.Contains(t, a.problem().Detail, c.says)
				require.Equal(t, []string{a.problem().Code}, w.refusals(seq))
				require.Equal(t, before, w.rows())
			}
		})
	}
}

func TestAnotherSiteCannotWrite(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	before := w.rows()
	path := prefix + "/migrations/" + w.migration("contoso").ID + "/consent-sessions"
	for _, headers := range []map[string]string{{"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}} {
		a := ana.do(http.MethodPost, path, "", headers)
		require.Equal(t, http.StatusForbidden, a.status)
		require.Equal(t, "cross-origin", a.problem().Code)
		require.Equal(t, http.StatusForbidden, ana.do(http.MethodPost, "/auth/sign-out", "", headers).status)
	}
	require.Equal(t, before, w.rows())
}

func TestNoAnswerCarriesASecret(t *testing.T) {
	w := newWorld(t)
	ids := w.ids()
	for _, b := range []*browser{w.as("ana-approver"), w.as("olga-operator")} {
		for path, operations := range w.document().Paths {
			if _, ok := operations["get"]; !ok || path == "/events" {
				continue
			}
			for template, id := range ids {
				if strings.HasPrefix(path, prefix+template) {
					path = strings.ReplaceAll(path, "{id}", id)
				}
			}
			a := b.get(path)
			for _, secret := range []string{"hush", "sealed", "key_", "digest", "Digest", "verifier"} {
				require.NotContains(t, a.body, secret, path)
			}
		}
	}
}
