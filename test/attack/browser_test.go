package attack

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// browser has cookies of its own and follows no redirect by itself.
type browser struct {
	h      *house
	client *http.Client
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(h.t, err)
	return &browser{h: h, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as is a browser that is signed in to the console.
func (h *house) as(subject string) *browser {
	h.t.Helper()
	b := h.browser()
	away := b.get("/auth/sign-in")
	back := b.get("/auth/callback?" + url.Values{"state": {away.query("state")}, "code": {subject}}.Encode())
	require.Equal(h.t, http.StatusSeeOther, back.status, back.body)
	return b
}

type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// query gives a parameter of the address the answer leads to.
func (a answer) query(name string) string {
	a.t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	require.NoError(a.t, err)
	v := u.Query().Get(name)
	require.NotEmpty(a.t, v, "the answer %d leads to %q, without %s: %s", a.status, a.header.Get("Location"), name, a.body)
	return v
}

func (b *browser) get(path string) answer { return b.do(http.MethodGet, path, "") }

func (b *browser) do(method, path, body string) answer {
	b.h.t.Helper()
	r, err := http.NewRequestWithContext(b.h.t.Context(), method, b.h.URL+path, strings.NewReader(body))
	require.NoError(b.h.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := b.client.Do(r)
	require.NoError(b.h.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(b.h.t, err)
	return answer{t: b.h.t, status: response.StatusCode, header: response.Header, body: string(text)}
}

// begin starts a consent over the API and gives the path of its one-use link.
func (b *browser) begin(integrationID string) (sessionID, link string) {
	b.h.t.Helper()
	a := b.do(http.MethodPost, prefix+"/migrations/"+b.h.migration(integrationID).ID+"/consent-sessions", "")
	require.Equal(b.h.t, http.StatusCreated, a.status, a.body)
	var begun struct{ SessionID, StartURL string }
	decode(b.h.t, a.body, &begun)
	return begun.SessionID, strings.TrimPrefix(begun.StartURL, b.h.URL)
}

// come is what Microsoft sends a browser back with: pairs of name and value, in order, so that a name may be given
// twice.
func (b *browser) come(parameters ...string) answer {
	b.h.t.Helper()
	var query []string
	for i := 0; i < len(parameters); i += 2 {
		query = append(query, url.QueryEscape(parameters[i])+"="+url.QueryEscape(parameters[i+1]))
	}
	return b.get("/consent/callback?" + strings.Join(query, "&"))
}

// consented comes back from the first leg with everything right.
func (b *browser) consented(state, tenant string) answer {
	b.h.t.Helper()
	return b.come("admin_consent", "True", "tenant", tenant, "state", state, "scope", "https://graph.microsoft.com/.default")
}

// cookie is the value of the cookie that binds this browser.
func (b *browser) cookie() string {
	at, err := url.Parse(b.h.URL)
	require.NoError(b.h.t, err)
	for _, c := range b.client.Jar.Cookies(at) {
		if c.Name == "consentry_consent" {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setCookie(value string) {
	at, err := url.Parse(b.h.URL)
	require.NoError(b.h.t, err)
	b.client.Jar.SetCookies(at, []*http.Cookie{{Name: "consentry_consent", Value: value, Path: "/"}})
}

func toText(v any) string { return fmt.Sprint(v) }
