package server

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// doorHost is the Temporal UI's host; requests to it are made under that name.
const doorHost = "temporal.test"

// atDoor asks at the door's host as a browser does that has these cookies.
func (w *world) atDoor(method, path, body string, headers map[string]string) answer {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, "http://"+doorHost+path, strings.NewReader(body))
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	if host := headers["Host"]; host != "" {
		r.Host = host
	}
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	return answer{t: w.t, status: rec.Code, header: rec.Header(), body: rec.Body.String()}
}

// pass is what the console's page gets for a session.
func (w *world) pass(b *browser, back string) string {
	w.t.Helper()
	caller, err := w.service.CallerOf(w.t.Context(), b.session())
	require.NoError(w.t, err)
	pass, err := w.service.PassToTemporal(w.t.Context(), caller, back)
	require.NoError(w.t, err)
	return pass
}

func (b *browser) session() string {
	b.w.t.Helper()
	at, err := url.Parse(b.w.URL)
	require.NoError(b.w.t, err)
	for _, c := range b.client.Jar.(*cookiejar.Jar).Cookies(at) {
		if c.Name == sessionCookie {
			return c.Value
		}
	}
	b.w.t.Fatal("the browser has no session")
	return ""
}

// entry is the form that the console's page sends.
func (w *world) entry(pass string, change ...string) answer {
	w.t.Helper()
	h := map[string]string{"Origin": w.URL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Content-Type": "application/x-www-form-urlencoded"}
	for i := 0; i < len(change); i += 2 {
		if h[change[i]] = change[i+1]; change[i+1] == "" {
			delete(h, change[i])
		}
	}
	return w.atDoor(http.MethodPost, TemporalEnter, url.Values{"pass": {pass}}.Encode(), h)
}

// visit enters and gives the cookie as a browser sends it.
func (w *world) visit(b *browser) string {
	w.t.Helper()
	in := w.entry(w.pass(b, "/"))
	require.Equal(w.t, http.StatusSeeOther, in.status, in.body)
	line, err := http.ParseSetCookie(in.header.Get("Set-Cookie"))
	require.NoError(w.t, err)
	return line.Name + "=" + line.Value
}

// checked is what the proxy is told about a request of the UI.
func (w *world) checked(cookie string, change ...string) answer {
	w.t.Helper()
	h := map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Accept": "*/*", "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/api/v1/settings"}
	for i := 0; i < len(change); i += 2 {
		h[change[i]] = change[i+1]
	}
	return w.atDoor(http.MethodGet, TemporalCheck, "", h)
}

// opens are the headers of somebody who opens an address of the UI.
var opens = []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html,*/*;q=0.8"}

func (w *world) decoded(cookie string, change ...string) answer {
	w.t.Helper()
	h := map[string]string{"Cookie": cookie, "Origin": "http://" + doorHost, "Sec-Fetch-Site": "same-origin", "X-Namespace": "consentry", "Content-Type": "application/json"}
	for i := 0; i < len(change); i += 2 {
		h[change[i]] = change[i+1]
	}
	return w.atDoor(http.MethodPost, TemporalCodec+"/decode?preserveStorageRefs=true", someLoad, h)
}

func TestAnOperatorEntersTheTemporalUI(t *testing.T) {
	w := newWorld(t)
	out := w.checked("", append(opens, "X-Forwarded-Uri", "/namespaces/consentry/workflows?query=a%3D%22b%22")...)
	require.Equal(t, http.StatusSeeOther, out.status)
	require.Equal(t, w.URL+"/temporal?return=%2Fnamespaces%2Fconsentry%2Fworkflows%3Fquery%3Da%253D%2522b%2522", out.header.Get("Location"))
	require.Equal(t, w.URL+"/temporal", w.checked("", append(opens, "X-Forwarded-Uri", "//evil.test")...).header.Get("Location"))
	require.Equal(t, http.StatusUnauthorized, w.checked("").status, "a page's own request is not led away")
	require.Equal(t, http.StatusUnauthorized, w.checked("", append(opens, "X-Forwarded-Method", "POST")...).status)

	olga := w.as("olga-operator")
	in := w.entry(w.pass(olga, "/namespaces/consentry/workflows"))
	require.Equal(t, http.StatusSeeOther, in.status, in.body)
	require.Equal(t, "/namespaces/consentry/workflows", in.header.Get("Location"))
	require.Equal(t, "no-store", in.header.Get("Cache-Control"))
	cookie, err := http.ParseSetCookie(in.header.Get("Set-Cookie"))
	require.NoError(t, err)
	require.Equal(t, []any{TemporalCookie, "/", "", true, http.SameSiteLaxMode, 12 * 3600}, []any{cookie.Name, cookie.Path, cookie.Domain, cookie.HttpOnly, cookie.SameSite, cookie.MaxAge})

	held := TemporalCookie + "=" + cookie.Value
	require.Equal(t, http.StatusNoContent, w.checked(held).status)
	require.Equal(t, http.StatusNoContent, w.checked(held, append(opens, "Sec-Fetch-Site", "cross-site")...).status, "the console's form leads here")
	a := w.decoded(held)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, "c2VjcmV0")
	require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), "it is the UI's own host")
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.NotContains(t, a.header.Get("Content-Security-Policy"), "form-action 'self'")

	require.Equal(t, http.StatusRequestEntityTooLarge, w.atDoor(http.MethodPost, TemporalCodec+"/decode", strings.Repeat(" ", codecBody+1), map[string]string{"Cookie": held, "Sec-Fetch-Site": "same-origin"}).status)
	encode := w.atDoor(http.MethodPost, TemporalCodec+"/encode", someLoad, map[string]string{"Cookie": held, "Sec-Fetch-Site": "same-origin"})
	require.Equal(t, http.StatusForbidden, encode.status)
	require.Equal(t, "encoding-refused", encode.problem().Code)
}

func TestAPassIsGoodOnceAndFromTheConsoleAlone(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	pass, before := w.pass(olga, "/"), w.audited()
	for _, origin := range []string{"", "null", "http://evil.test", "http://" + doorHost, w.URL + "/", "https" + strings.TrimPrefix(w.URL, "http"), w.URL + ".evil.test"} {
		a := w.entry(pass, "Origin", origin)
		require.Equal(t, http.StatusForbidden, a.status, origin)
		require.Empty(t, a.header.Get("Set-Cookie"), origin)
	}
	require.Equal(t, http.StatusForbidden, w.atDoor(http.MethodPost, TemporalEnter, "pass="+pass, map[string]string{"Sec-Fetch-Site": "none", "Content-Type": "application/x-www-form-urlencoded"}).status)
	inAddress := w.atDoor(http.MethodPost, TemporalEnter+"?pass="+pass, "", map[string]string{"Origin": w.URL, "Content-Type": "application/x-www-form-urlencoded"})
	require.Equal(t, http.StatusGone, inAddress.status, "a pass in an address is none")
	require.Equal(t, http.StatusMethodNotAllowed, w.atDoor(http.MethodGet, TemporalEnter+"?pass="+pass, "", map[string]string{"Origin": w.URL}).status)

	require.Equal(t, http.StatusSeeOther, w.entry(pass).status, "whoever was refused spent nothing")
	for name, value := range map[string]string{"spent": pass, "made up": domain.NewToken(), "none": "", "a session": olga.session(), "long": strings.Repeat("a", passBody)} {
		a := w.entry(value)
		require.Equal(t, http.StatusGone, a.status, name)
		require.Empty(t, a.header.Get("Set-Cookie"), name)
		require.Contains(t, a.body, w.URL+"/temporal", "the way back: %s", name)
		require.NotContains(t, a.body, pass)
	}
	late := w.pass(olga, "/")
	w.clock.Pass(time.Minute)
	require.Equal(t, http.StatusGone, w.entry(late).status)
	require.Equal(t, []string{"pass-spent", "pass-spent", "pass-spent", "pass-spent", "pass-spent", "pass-spent", "pass-spent"}, w.refusals(before))
}

// The two cookies belong to two hosts. Even carried over by hand, neither opens
// anything where the other counts.
func TestTheCookiesOfConsoleAndTemporalUIOpenNothingOfEachOther(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	visit := w.visit(olga)
	_, value, _ := strings.Cut(visit, "=")
	for _, cookie := range []string{visit, sessionCookie + "=" + value, visit + "; " + sessionCookie + "=" + value} {
		for _, path := range []string{prefix + "/me", prefix + "/accounts", "/events", "/codec/decode"} {
			method, headers := http.MethodGet, map[string]string{"Cookie": cookie}
			if path == "/codec/decode" {
				method, headers = http.MethodPost, fromUI("Cookie", cookie)
			}
			require.Equal(t, http.StatusUnauthorized, w.browser().do(method, path, "", headers).status, "%s %s", cookie, path)
		}
	}
	for _, cookie := range []string{"", sessionCookie + "=" + olga.session(), TemporalCookie + "=" + olga.session(), TemporalCookie + "=" + domain.NewToken()} {
		require.Equal(t, http.StatusUnauthorized, w.checked(cookie).status, cookie)
		require.Equal(t, http.StatusUnauthorized, w.decoded(cookie).status, cookie)
	}
	token := w.as("olga-operator").issue(map[string]any{"name": "x", "role": "operator"}).Value
	require.Equal(t, http.StatusUnauthorized, w.checked("", "Authorization", "Bearer "+token).status)
	require.Equal(t, http.StatusUnauthorized, w.decoded("", "Authorization", "Bearer "+token).status)
}

func TestNobodyElseEntersTheTemporalUI(t *testing.T) {
	w := newWorld(t)
	for _, who := range []string{"ana-approver", "mia-migrator", "vic-viewer", "fay-fabric"} {
		caller, err := w.service.CallerOf(t.Context(), w.as(who).session())
		require.NoError(t, err)
		_, err = w.service.PassToTemporal(t.Context(), caller, "/")
		require.Equal(t, domain.Forbidden, domain.KindOf(err), who)
	}
	for _, end := range []func(b *browser){
		func(b *browser) {
			require.Equal(t, http.StatusSeeOther, b.do(http.MethodPost, "/auth/sign-out", "", nil).status)
		},
		func(*browser) { // last: nobody is an operator after it
			require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
				_, err := r.Grants().Delete(service.By(service.Where{"role": string(domain.RoleOperator)}))
				return err
			}))
		},
	} {
		olga := w.as("olga-operator")
		visit := w.visit(olga)
		require.Equal(t, http.StatusOK, w.decoded(visit).status)
		end(olga)
		require.Equal(t, http.StatusUnauthorized, w.checked(visit).status)
		require.Equal(t, http.StatusSeeOther, w.checked(visit, opens...).status)
		require.Equal(t, http.StatusUnauthorized, w.decoded(visit).status)
	}
}

// Another site, a neighbour under the same domain among them, has the browser send
// the cookie along with nothing but the opening of a page.
func TestOtherSitesAskNothingOfTheTemporalUI(t *testing.T) {
	w := newWorld(t)
	visit := w.visit(w.as("olga-operator"))
	for _, site := range []string{"cross-site", "same-site"} {
		require.Equal(t, http.StatusForbidden, w.checked(visit, "Sec-Fetch-Site", site).status, site)
		require.Equal(t, http.StatusForbidden, w.checked(visit, append(opens, "Sec-Fetch-Site", site, "Sec-Fetch-Dest", "iframe")...).status, site)
		require.Equal(t, http.StatusForbidden, w.checked(visit, append(opens, "Sec-Fetch-Site", site, "X-Forwarded-Method", "POST")...).status, site)
		a := w.decoded(visit, "Sec-Fetch-Site", site, "Origin", w.URL)
		require.Equal(t, http.StatusForbidden, a.status, "not even the console asks here: %s", site)
		require.NotContains(t, a.body, "c2VjcmV0")
	}
	require.Equal(t, http.StatusForbidden, w.decoded(visit, "Sec-Fetch-Site", "", "Origin", "http://evil.test").status)
}

// Under its name, however it is written, there is nothing but the door; under the
// console's there is no door.
func TestTheTemporalUIsHostServesNothingElse(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	session := sessionCookie + "=" + olga.session()
	for _, host := range []string{doorHost, doorHost + ":80", "TEMPORAL.test", doorHost + ".", doorHost + ":8443"} {
		for _, path := range []string{prefix + "/me", "/auth/sign-in", "/healthz", "/readyz", "/openapi.json", "/codec/decode", "/", "/events", TemporalPrefix, TemporalPrefix + "/", TemporalPrefix + "/../api/v1/me"} {
			require.Equal(t, http.StatusNotFound, w.atDoor(http.MethodGet, path, "", map[string]string{"Host": host, "Cookie": session}).status, "%s%s", host, path)
		}
		require.Equal(t, http.StatusUnauthorized, w.atDoor(http.MethodGet, TemporalCheck, "", map[string]string{"Host": host}).status, host)
	}
	for _, path := range []string{TemporalCheck, TemporalEnter, TemporalCodec + "/decode"} {
		require.Equal(t, http.StatusNotFound, olga.do(http.MethodPost, path, "", nil).status, path)
		require.Equal(t, http.StatusNotFound, olga.get(path).status, path)
	}
}

func TestReadingAtTheTemporalUIsHostIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	visit := w.visit(w.as("olga-operator"))
	for range 5 {
		require.Equal(t, http.StatusOK, w.decoded(visit).status)
	}
	require.NoError(t, w.store.Read(t.Context(), func(r service.Rows) error {
		read, err := r.Audit().Count(service.By(service.Where{"action": "read-payloads", "outcome": "done"}))
		require.Equal(t, 1, read)
		entered, err2 := r.Audit().Count(service.By(service.Where{"action": "enter-temporal", "outcome": "done"}))
		require.Equal(t, 1, entered)
		require.NoError(t, err2)
		return err
	}))
	w.store.down.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, w.checked(visit).status, "who cannot be asked lets nobody in")
}
