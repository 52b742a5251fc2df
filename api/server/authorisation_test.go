package server

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/console"
	"consentry/internal/domain"
	"consentry/internal/service"
)

const matrixFile = "../../docs/authorisation.md"

// columns are the callers of the matrix, as its head names them.
var columns = []string{"nobody", "view", "migrate", "approve", "approve elsewhere", "operator", "token: view", "token: operator"}

// ask is one request of the matrix.
type ask struct{ path, body, form string }

// asks says how a route is asked; every caller's request meets a thing of its
// own where the first would use it up. What is not named is asked without a
// body, about Contoso's thing of that kind.
func (w *world) asks(ids map[string]string) map[string]func(n int) ask {
	ana, olga := w.as("ana-approver"), w.as("olga-operator")
	body := func(text string) func(int) ask { return func(int) ask { return ask{body: text} } }
	describe := body(`{"kind":"describe","description":"People of the head office"}`)
	return map[string]func(n int) ask{
		"PUT /api/v1/integrations/{id}/legacy-secret":          func(int) ask { return ask{body: secretBody(w)} },
		"POST /api/v1/inventory":                               body(`{}`),
		"POST /api/v1/migrations/{id}/decisions":               describe,
		"POST /api/v1/migrations/{id}/signals/consent-granted": body(`{"consentSessionId":"cs_none"}`),
		"PUT /api/v1/campaigns/{id}":                           body(strings.Replace(campaignBody(w.t, w), `"version":1`, `"version":99`, 1)),
		"POST /api/v1/cells":                                   body(`{"id":"cell-m","name":"M","region":"eu","cloud":"global","clientId":"` + fabric + `","applicationObjectId":"` + fabric + `","homeTenantId":"` + fabric + `"}`),
		"PATCH /api/v1/cells/{id}":                             body(`{"name":"M"}`),
		"POST /api/v1/tokens": func(n int) ask {
			return ask{body: fmt.Sprintf(`{"name":"m%d","accountId":"acc-contoso","role":"view"}`, n)}
		},
		"POST /api/v1/people": func(n int) ask {
			return ask{body: fmt.Sprintf(`{"issuer":"i","subject":"s%d","name":"S","accountId":"acc-contoso","role":"view"}`, n)}
		},
		"POST /api/v1/invitations": body(`{"name":"S","accountId":"acc-contoso","role":"view"}`),
		"POST /migrations/{id}":    func(int) ask { return ask{form: "do=describe&description=People+of+the+head+office"} },
		"POST /connectors/{id}":    func(int) ask { return ask{form: "do=reconnect"} },
		"POST /directory-sync":     func(int) ask { return ask{path: "/directory-sync?account=acc-contoso", form: "integration=contoso"} },
		"POST /people": func(int) ask {
			return ask{path: "/people?account=acc-contoso", form: "do=invite&name=S&role=view&days=3"}
		},
		"POST /leaving":                func(int) ask { w.leaves(); return ask{path: "/leaving?account=acc-contoso", form: "keep=yes"} },
		"POST /operators":              func(int) ask { return ask{form: "do=invite&name=S&days=3"} },
		"GET /people":                  func(int) ask { return ask{path: "/people?account=acc-contoso"} },
		"GET /connectors":              func(int) ask { return ask{path: "/connectors?account=acc-contoso"} },
		"GET /directory-sync":          func(int) ask { return ask{path: "/directory-sync?account=acc-contoso"} },
		"GET /assets/{name}":           func(int) ask { return ask{path: "/assets/none.css"} },
		"GET /auth/invitation/{token}": func(int) ask { return ask{path: "/auth/invitation/none"} },
		"GET /consent/start/{token}":   func(int) ask { return ask{path: "/consent/start/none"} },
		"GET /consent/again/{session}": func(int) ask { return ask{path: "/consent/again/none"} },
		"DELETE /api/v1/tokens/{id}": func(n int) ask {
			return ask{path: prefix + "/tokens/" + olga.issue(map[string]any{"name": fmt.Sprintf("d%d", n), "accountId": "acc-contoso", "role": "view"}).ID}
		},
		"DELETE /api/v1/connectors/{id}": func(n int) ask {
			c := domain.Connector{ID: fmt.Sprintf("con_%d", n), AccountID: "acc-contoso", TenantID: contoso, Product: fmt.Sprint(n), CellID: "cell-eu"}
			require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error { return r.Connectors().Insert(&c) }))
			return ask{path: prefix + "/connectors/" + c.ID}
		},
		"PUT /api/v1/accounts/{id}/deletion":    func(int) ask { w.leaves(); return ask{body: `{"name":"Contoso"}`} },
		"DELETE /api/v1/accounts/{id}/deletion": func(int) ask { w.leaves(); return ask{} },
		"POST /api/v1/tenant-uses": func(int) ask {
			return ask{body: `{"tenantId":"` + contoso + `","accountIds":["acc-contoso"],"reason":"matrix"}`}
		},
		"DELETE /api/v1/invitations/{id}": func(int) ask {
			var i Invited
			ana.post(prefix+"/invitations", map[string]any{"name": "Nia", "accountId": "acc-contoso", "role": "view"}).into(&i)
			return ask{path: prefix + "/invitations/" + i.ID}
		},
		"PUT /api/v1/people/{id}/role": func(n int) ask {
			return ask{path: prefix + "/people/" + w.invited(ana, n) + "/role", body: `{"accountId":"acc-contoso","role":"migrate"}`}
		},
		"DELETE /api/v1/people/{id}/role": func(n int) ask {
			return ask{path: prefix + "/people/" + w.invited(ana, n) + "/role?accountId=acc-contoso"}
		},
	}
}

// leaves has somebody ask to delete Contoso, anew.
func (w *world) leaves() {
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error {
		if _, err := r.AccountDeletions().Delete(service.By(service.Where{"id": "acc-contoso"})); err != nil {
			return err
		}
		return r.AccountDeletions().Insert(&domain.AccountDeletion{ID: "acc-contoso", Region: "eu", State: domain.DeletionPending, DueAt: domain.At(w.clock.Now().AddDate(0, 0, 30))})
	}))
}

func (w *world) invited(by *browser, n int) string {
	var a Access
	by.post(prefix+"/people", map[string]any{"issuer": issuer, "subject": fmt.Sprintf("victim-%d", n), "name": "V", "accountId": "acc-contoso", "role": "view"}).into(&a)
	return a.PersonID
}

// matrix reads the table of the documentation: route → one status a caller.
func matrix(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(matrixFile)
	require.NoError(t, err)
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != len(columns)+1 || !strings.Contains(cells[0], "`") {
			continue
		}
		route := strings.Trim(strings.TrimSpace(cells[0]), "`")
		require.NotContains(t, rows, route, "listed twice")
		for _, c := range cells[1:] {
			rows[route] = append(rows[route], strings.TrimSpace(c))
		}
	}
	return rows
}

// TestTheAuthorisationMatrix asks every route that is served, API, browser's and
// console's, as every kind of caller. The table is docs/authorisation.md itself,
// so the documentation cannot say anything else, and a route that is not in it
// fails here. What came out is printed as a table when it differs.
func TestTheAuthorisationMatrix(t *testing.T) {
	w := newWorld(t)
	_, err := console.Mount(w.echo, console.Deps{
		Service: w.service, Caller: func(c echo.Context) domain.Caller { return CallerFrom(c.Request().Context()) }, Now: w.clock.Now, Log: zap.NewNop(), Public: w.URL,
		Temporal: "http://" + doorHost + TemporalEnter,
	})
	require.NoError(t, err)
	ids := w.ids()
	ana := w.as("ana-approver")
	view := w.machine(ana.issue(map[string]any{"name": "matrix", "accountId": "acc-contoso", "role": "view"}).Value)
	operator := w.machine(w.as("olga-operator").issue(map[string]any{"name": "matrix", "role": "operator"}).Value)
	session := func(subject string) func() (*browser, string) {
		return func() (*browser, string) { return w.as(subject), "" }
	}
	callers := []func() (*browser, string){
		func() (*browser, string) { return w.browser(), "" }, session("vic-viewer"), session("mia-migrator"), session("ana-approver"), session("fay-fabric"),
		session("olga-operator"), func() (*browser, string) { return w.browser(), view.value }, func() (*browser, string) { return w.browser(), operator.value },
	}
	asks, want, calls := w.asks(ids), matrix(t), 0
	var got bytes.Buffer
	same := true
	for _, route := range w.routes() {
		method, template, _ := strings.Cut(route, " ")
		var row []string
		for _, caller := range callers {
			b, token := caller()
			how := ask{}
			if asks[route] != nil {
				calls++
				how = asks[route](calls)
			}
			row = append(row, fmt.Sprint(b.status(method, w.fill(how.path, template, ids), how, token)))
		}
		if fmt.Sprint(row) != fmt.Sprint(want[route]) {
			same = false
			t.Errorf("%s\n  documented %v\n  answered   %v", route, want[route], row)
		}
		fmt.Fprintf(&got, "| `%s` | %s |\n", route, strings.Join(row, " | "))
		delete(want, route)
	}
	require.Empty(t, want, "documented, and not served")
	if !same {
		t.Logf("the table as it was answered:\n%s", got.String())
	}
}

// fill puts ids into an address.
func (w *world) fill(path, template string, ids map[string]string) string {
	if path != "" {
		return path
	}
	for part, id := range ids {
		if strings.HasPrefix(template, prefix+part) {
			return strings.ReplaceAll(template, "{id}", id)
		}
	}
	kind := map[string]string{"/connectors/{id}": "/connectors/{id}", "/migrations/{id}": "/migrations/{id}", "/directory-sync/{id}": "/integrations/{id}"}[template]
	return strings.ReplaceAll(template, "{id}", ids[kind])
}

// status asks and gives the status alone; a stream is left after its beginning.
func (b *browser) status(method, path string, how ask, token string) int {
	b.w.t.Helper()
	text, kind := how.body, "application/json"
	if how.form != "" {
		text, kind = how.form, "application/x-www-form-urlencoded"
	}
	path, atDoor := strings.CutPrefix(path, temporalHost)
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.URL+path, strings.NewReader(text))
	require.NoError(b.w.t, err)
	if atDoor {
		r.Host = doorHost
	}
	if text != "" {
		r.Header.Set("Content-Type", kind)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	b.client.Timeout = 30 * time.Second
	res, err := b.client.Do(r)
	require.NoError(b.w.t, err)
	require.NoError(b.w.t, res.Body.Close())
	return res.StatusCode
}

// temporalHost begins the routes of the Temporal UI's host in the matrix.
const temporalHost = "{temporal-host}"

// routes lists what is served, in a stable order.
func (w *world) routes() (list []string) {
	add := func(host string, routes []*echo.Route) {
		for _, r := range routes {
			if r.Method == "echo_route_not_found" {
				continue
			}
			path := host + r.Path
			for _, name := range []string{"id", "name", "token", "session"} {
				path = strings.ReplaceAll(path, ":"+name, "{"+name+"}")
			}
			list = append(list, r.Method+" "+path)
		}
	}
	add("", w.echo.Routes())
	require.Len(w.t, w.echo.Routers(), 1, "every host that is served is in the matrix")
	add(temporalHost, w.echo.Routers()[doorHost].Routes())
	slices.SortFunc(list, func(a, b string) int {
		methodA, pathA, _ := strings.Cut(a, " ")
		methodB, pathB, _ := strings.Cut(b, " ")
		return cmp.Or(cmp.Compare(pathA, pathB), cmp.Compare(methodA, methodB))
	})
	return list
}
