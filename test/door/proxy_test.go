//go:build browser

package door

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/api/server"
)

// Temporal is away: the API keeps decisions and takes them up later, if the proxy lets them through.
func TestTheProxyGoesOnWhileTheAPIAnswersThoughItIsNotReady(t *testing.T) {
	var asked atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/healthz":
			asked.Add(1)
		}
	}))
	t.Cleanup(api.Close)
	send := client(serve(t, at(api), at(api)))
	before := asked.Load()
	require.Eventually(t, func() bool { return asked.Load() > before+1 }, patience, 100*time.Millisecond, "the proxy asks whether the API lives")
	status, _ := said(t, send, http.MethodPost, console, "/api/v1/campaigns", `{"decided": true}`, "")
	require.Equal(t, http.StatusOK, status)
}

// A request that finds no API arrives when there is one again, at the console and at the UI, whose door asks the API first. One with a body may be refused by Caddy 2.6 until its next
// look at the API's health: it has closed the body at its first try, so nothing of it arrives.
func TestRequestsWaitForAnAPIThatIsStartedAgain(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	api := httptest.NewServer(echo)
	temporal := httptest.NewServer(echo)
	t.Cleanup(temporal.Close)
	p := serve(t, at(api), at(temporal))
	api.CloseClientConnections()
	api.Close()

	names := []string{console, ui, ui}
	paths := []string{"/migrations", "/namespaces/default", server.TemporalPrefix + "/enter"}
	answers, sent := make([]chan string, len(paths)), make(chan struct{}, len(paths))
	for n := range paths {
		answers[n] = make(chan string, 1)
		go func() {
			status, body := visit(client(p), "https://"+names[n]+paths[n], func() { sent <- struct{}{} })
			answers[n] <- fmt.Sprint(status, " ", body)
		}()
	}
	for range paths {
		<-sent
	}
	// What was sent has met nobody: the proxy says that it has looked for the API in vain since then.
	since := missed(t, p, at(api))
	require.Eventually(t, func() bool { return missed(t, p, at(api)) > since }, patience, 10*time.Millisecond)
	for n, answer := range answers {
		require.Empty(t, answer, "%s is answered though there is no API", paths[n])
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", at(api))
	require.NoError(t, err)
	again := httptest.NewUnstartedServer(echo)
	require.NoError(t, again.Listener.Close())
	again.Listener = l
	again.Start()
	t.Cleanup(again.Close)
	for n, answer := range answers {
		require.Equal(t, "200 "+paths[n], <-answer)
	}
}

// visit asks for a page and says when the request has gone out.
func visit(send *http.Client, address string, sent func()) (status int, body string) {
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent() }})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err.Error()
	}
	answer, err := send.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(text)
}

// missed counts how often the proxy said that nobody is at an address.
func missed(t *testing.T, p proxy, address string) int {
	t.Helper()
	log, err := os.ReadFile(p.log)
	require.NoError(t, err)
	return strings.Count(string(log), "dial tcp "+address+": connect: connection refused")
}

// The cookie of the door stays between the browser and the API; the UI gets its own, with which it tells its forms from
// those of others.
func TestTheUIGetsItsOwnCookiesAndNotTheDoors(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // lets in everybody
	t.Cleanup(api.Close)
	temporal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(" "+r.Header.Get("Cookie"), " "+server.TemporalCookie) || strings.Contains(r.Header.Get("Cookie"), "__Host-") {
			_, _ = io.WriteString(w, "the door's, too: ")
		}
		for _, c := range r.Cookies() {
			_, _ = io.WriteString(w, c.Name+"="+c.Value+" ")
		}
	}))
	t.Cleanup(temporal.Close)
	send := client(serve(t, at(api), at(temporal)))
	const plain, host = server.TemporalCookie + "=x", "__Host-" + server.TemporalCookie + "=x"
	for sent, left := range map[string]string{
		"":                                 "",
		"_csrf=1; theme=dark":              "_csrf=1 theme=dark ",
		"not" + plain + "; a=b_c":          "not" + plain + " a=b_c ",
		plain + "; " + host:                "",
		"_csrf=1; " + plain + "; " + host:  "_csrf=1 ",
		plain:                              "",
		plain + "; _csrf=1; a=2":           "_csrf=1 a=2 ",
		"_csrf=1; " + plain + "; theme=a=": "_csrf=1 theme=a= ",
		"_csrf=1; a=2; " + plain:           "_csrf=1 a=2 ",
		host:                               "",
		host + "; _csrf=1; a=2":            "_csrf=1 a=2 ",
		"_csrf=1; " + host + "; theme=a=":  "_csrf=1 theme=a= ",
		"_csrf=1; a=2; " + host:            "_csrf=1 a=2 ",
	} {
		status, got := said(t, send, http.MethodPost, ui, "/api/v1/settings", "", sent)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, left, got, "what the UI gets of %q", sent)
	}
}

func at(s *httptest.Server) string { return s.Listener.Addr().String() }

// client sends to the proxy whatever the name.
func client(p proxy) *http.Client {
	return &http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, p.address)
			},
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // of an authority of its own, a minute old
		},
	}
}

func said(t *testing.T, send *http.Client, method, name, path, body, cookies string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "https://"+name+path, strings.NewReader(body))
	require.NoError(t, err)
	if cookies != "" {
		request.Header.Set("Cookie", cookies)
	}
	answer, err := send.Do(request)
	require.NoError(t, err)
	got, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode, string(got)
}
