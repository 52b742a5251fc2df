package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/build"
)

// said is what a command line left.
type said struct {
	out, errs string
	exit      int
}

// error reads the refusal of a command with --json.
func (s said) error(t *testing.T) (e struct {
	Exit   int            `json:"exit"`
	Code   string         `json:"code"`
	Detail string         `json:"detail"`
	Errors []fieldProblem `json:"errors"`
}) {
	t.Helper()
	require.Empty(t, s.out)
	refusal := map[string]json.RawMessage{}
	require.NoError(t, json.Unmarshal([]byte(s.errs), &refusal), s.errs)
	require.Len(t, refusal, 1)
	require.NoError(t, json.Unmarshal(refusal["error"], &e))
	require.Equal(t, s.exit, e.Exit)
	return e
}

// shell runs commands against a server that answers with handle; asked counts the
// requests that it got.
type shell struct {
	t     *testing.T
	url   string
	token string
	asked atomic.Int32

	listener net.Listener
}

func newShell(t *testing.T, handle http.HandlerFunc) *shell {
	t.Helper()
	for _, name := range []string{"CONSENTRY_API", "CONSENTRY_TOKEN", "CONSENTRY_TOKEN_FILE", "CONSENTRY_API_CA_FILE"} {
		t.Setenv(name, "") // so that it comes back after the test
		require.NoError(t, os.Unsetenv(name))
	}
	s := &shell{t: t, token: filepath.Join(t.TempDir(), "token")}
	require.NoError(t, os.WriteFile(s.token, []byte("a-token\n"), 0o600))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.asked.Add(1); handle(w, r) }))
	t.Cleanup(server.Close)
	s.url, s.listener = server.URL, server.Listener
	return s
}

func (s *shell) raw(args ...string) said {
	s.t.Helper()
	var out, errs bytes.Buffer
	exit := run(s.t.Context(), args, strings.NewReader(""), &out, &errs)
	require.NotContains(s.t, out.String()+errs.String(), "a-token")
	return said{out.String(), errs.String(), exit}
}

func (s *shell) run(args ...string) said {
	s.t.Helper()
	return s.raw(append(args, "--api", s.url, "--token-file", s.token)...)
}

func nobody(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }

// TestAMistakeOfTheCommandLineIsJSONForAProgram wherever --json stands, and is
// found before anything is asked.
func TestAMistakeOfTheCommandLineIsJSONForAProgram(t *testing.T) {
	s := newShell(t, nobody)
	for line, says := range map[string]string{
		"bogus":                          "bogus",
		"cell":                           "expected",
		"explain":                        "`consentry integration list` lists the ids",
		"explain a b":                    "unexpected argument b",
		"explain --colour a":             "--colour",
		"campaign pause":                 "`consentry campaign status` lists the ids",
		"token revoke":                   "`consentry token list` lists the ids",
		"campaign kill-switch c perhaps": "must be one of",
		"campaign status c --limit many": "--limit",
		"whoami --timeout soon":          "--timeout",
		"whoami --timeout 0s":            "no time to wait",
		"whoami --timeout=-5s":           "no time to wait",
		"cell add c":                     "missing flags: --client-id",
		"cell change c":                  "say what is to change",
		"extend i --until 2026-02-30":    "--until",
		"token issue t --role operator --for=-1h": "no time to last",
		"token issue t --role operator --for 0d":  "no time to last",
		"token issue t --role view":               "name that with --account",
		"token issue t":                           "or --role operator for an operator of the vendor",
		"people invite n":                         "or --role operator for an operator of the vendor",
		"explain a/b":                             "is no id",
		"explain ..":                              "is no id",
		"explain " + strings.Repeat("i", 101):     "is no id",
	} {
		t.Run(line, func(t *testing.T) {
			args := strings.Fields(line)
			for place := range len(args) + 1 {
				if place > 0 && strings.HasPrefix(args[place-1], "--") {
					continue // it would be the flag's value
				}
				with := append(append(append([]string{}, args[:place]...), "--json"), args[place:]...)
				got := s.raw(append(with, "--api", s.url, "--token-file", s.token)...)
				e := got.error(t)
				require.Equal(t, exitUsage, e.Exit, got.errs)
				require.Equal(t, "usage", e.Code)
				require.Contains(t, e.Detail, says)
				require.NotEmpty(t, e.Errors)
				for _, wrong := range e.Errors {
					require.NotEmpty(t, wrong.Argument)
					require.Equal(t, wrong.Argument, wrong.Field)
					require.NotEmpty(t, wrong.Message)
				}
			}
			got := s.run(args...)
			require.Equal(t, exitUsage, got.exit)
			require.True(t, strings.HasPrefix(got.errs, "consentry: "), got.errs)
			require.Contains(t, got.errs, says)
		})
	}
	require.True(t, wantsJSON([]string{"bogus", "--json=true"}))
	require.False(t, wantsJSON([]string{"bogus", "--json=false"}))
	require.False(t, wantsJSON([]string{"bogus", "--", "--json"}), "what follows -- is no flag")
	require.Zero(t, s.asked.Load())
}

// TestEachMistakeNamesWhatItIsAbout, so that a program finds the value that it gave.
func TestEachMistakeNamesWhatItIsAbout(t *testing.T) {
	s := newShell(t, nobody)
	taken := s.token
	for line, about := range map[string][]fieldProblem{
		"campaign status c --limit many":                 {{Argument: "--limit"}},
		"campaign kill-switch c perhaps":                 {{Argument: "<state>"}},
		"extend i --until 2026-02-30":                    {{Argument: "--until", Value: "2026-02-30"}},
		"cell change c":                                  {{Argument: "the command line"}},
		"bogus":                                          {{Argument: "the command line"}},
		"tenant allow t":                                 {{Argument: "--account"}, {Argument: "--reason"}},
		"import /nowhere/inventory":                      {{Argument: "<file>"}},
		"get ../x":                                       {{Argument: "<path>", Value: "../x"}},
		"token issue t --role operator --out " + taken:   {{Argument: "--out"}},
		"integration replace-secret i --ends 2030-01-01": {{Argument: "standard input"}},
		"integration replace-secret i --ends 2030-01-01 --secret-file /": {{Argument: "--secret-file"}},
	} {
		e := s.run(append(strings.Fields(line), "--json")...).error(t)
		require.Equal(t, exitUsage, e.Exit, line)
		require.Len(t, e.Errors, len(about), line)
		for n, wrong := range e.Errors {
			require.NotEmpty(t, wrong.Message, line)
			wrong.Message, wrong.Field = "", ""
			require.Equal(t, about[n], wrong, line)
		}
	}
	require.Zero(t, s.asked.Load())
}

// TestAFileSaysWhatIsWrongWithIt in words that say what to do.
func TestAFileSaysWhatIsWrongWithIt(t *testing.T) {
	s := newShell(t, nobody)
	for line, says := range map[string]string{
		"import /nowhere/inventory":                                               "<file>: there is no file /nowhere/inventory: name one that is there",
		"import " + s.token + "/inventory":                                        "a part of the path is no folder: correct the path",
		"import /":                                                                "<file>: / is a folder: name a file",
		"token issue t --role operator --out " + s.token:                          "--out: " + s.token + " is there already and is not overwritten",
		"token issue t --role operator --out /nowhere/token":                      "its folder is not there: make the folder, or name another",
		"whoami --api-ca-file /nowhere/ca.pem":                                    "--api-ca-file: there is no file /nowhere/ca.pem: name one that is there (--api-ca-file or CONSENTRY_API_CA_FILE)",
		"integration replace-secret i --ends 2030-01-01 --secret-file /nowhere/s": "--secret-file: there is no file /nowhere/s",
	} {
		got := s.run(strings.Fields(line)...)
		require.Equal(t, exitUsage, got.exit, line)
		require.Contains(t, got.errs, says)
		require.NotContains(t, got.errs, "no such file")
	}
	require.Contains(t, unreadable(&os.PathError{Op: "open", Path: "/k", Err: os.ErrPermission}), "/k may not be read by this user")
	require.Contains(t, unwritable(&os.PathError{Op: "open", Path: "/k", Err: os.ErrPermission}), "/k may not be made by this user")
	require.Zero(t, s.asked.Load())
}

// TestTheVersionIsSaid without an API or a token.
func TestTheVersionIsSaid(t *testing.T) {
	s := newShell(t, nobody)
	got := s.raw("--version")
	require.Equal(t, exitDone, got.exit, got.errs)
	version, revision := build.Name()
	require.Equal(t, "consentry "+version+" ("+revision+")\n", got.out)
	require.Equal(t, got, s.raw("cell", "list", "--version"))
	require.Zero(t, s.asked.Load())
}

// TestAnEmptyVariableOfAScriptAsksForNothing: an account that is empty would else
// be none, and the token an operator's.
func TestAnEmptyVariableOfAScriptAsksForNothing(t *testing.T) {
	s := newShell(t, nobody)
	for _, args := range [][]string{
		{"token", "issue", "t", "--account", "", "--for", "1h"}, {"token", "issue", "t", "--account", "a", "--role", " "}, {"people", "list", "--account", ""},
		{"people", "invite", "n", "--issuer", "", "--subject", ""}, {"people", "revoke", "p", "--account", ""}, {"explain", ""}, {"campaign", "status", ""},
		{"roll-back", "i", "--reason", ""}, {"tenant", "allow", "t", "--reason", "r", "--account", ""},
		{"token", "issue", "t", "--for", ""}, {"cell", "change", "c", "--name", ""},
		{"cell", "change", "c", "--name", "\xff"},
	} {
		got := s.run(append(args, "--json")...)
		require.Equal(t, exitUsage, got.exit, "%q: %s", args, got.errs)
		require.Equal(t, "usage", got.error(t).Code)
	}
	e := s.run("token", "issue", "t", "--account", "a", "--role", "owner", "--for", "2y", "--json").error(t)
	require.Len(t, e.Errors, 2, "all at once")
	require.Equal(t, fieldProblem{Field: "--for", Argument: "--for", Value: "2y", Message: "no time to last: give for example 90d, 36h or 30m"}, e.Errors[1])
	require.Zero(t, s.asked.Load())
}

// TestTheWayToTheAPISaysWhatIsWrongWithIt in one sentence that says what to do.
func TestTheWayToTheAPISaysWhatIsWrongWithIt(t *testing.T) {
	s := newShell(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"id":"tok_1","name":"n","kind":"machine"}`))
	})
	file := func(content string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	host := strings.TrimPrefix(s.url, "http://")
	for name, c := range map[string]struct {
		api, token string
		exit       int
		says       string
	}{
		"a trailing slash":          {s.url + "/", s.token, exitDone, ""},
		"without a scheme":          {host, s.token, exitUsage, "no full address: write it with its scheme, such as https://" + host},
		"a name alone":              {"consentry.example.com", s.token, exitUsage, "such as https://consentry.example.com"},
		"the API's own path":        {s.url + "/api/v1", s.token, exitUsage, "write " + s.url + " alone"},
		"a page of the console":     {s.url + "/people?account=x", s.token, exitUsage, "write " + s.url + " alone"},
		"a password in it":          {"http://olga:hush@" + host, s.token, exitUsage, "there is a user in it"},
		"a password and no scheme":  {"olga:hush@" + host, s.token, exitUsage, "no full address"},
		"another scheme":            {"ftp://" + host, s.token, exitUsage, "no full address"},
		"no port of a host":         {"http://127.0.0.1:port", s.token, exitUsage, "no full address"},
		"plain http far away":       {"http://consentry.example.com", s.token, exitUsage, "Use https"},
		"no token file":             {s.url, "/nowhere/token", exitUsage, "there is no file /nowhere/token: name one that is there (--token-file or CONSENTRY_TOKEN_FILE)"},
		"a folder":                  {s.url, t.TempDir(), exitUsage, "is a folder: name a file"},
		"an empty file":             {s.url, file(" \n", 0o600), exitUsage, "write the token into it"},
		"a token with its newline":  {s.url, file("\na-token\r\n", 0o600), exitDone, ""},
		"two words":                 {s.url, file("a b", 0o600), exitUsage, "more than one word"},
		"signs that no token has":   {s.url, file("a\x00b", 0o600), exitUsage, "signs that no token has"},
		"a file that everybody may": {s.url, file("a-token", 0o644), exitDone, "chmod 600"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.raw("whoami", "--api", c.api, "--token-file", c.token)
			require.Equal(t, c.exit, got.exit, got.errs)
			require.Contains(t, got.errs, c.says)
			require.LessOrEqual(t, strings.Count(got.errs, "\n"), 1, got.errs)
			require.NotContains(t, got.errs, "hush")
			if c.exit == exitDone {
				require.Contains(t, got.out, "tok_1")
				require.Empty(t, s.raw("whoami", "--quiet", "--api", c.api, "--token-file", c.token).errs)
				return
			}
			require.Empty(t, got.out)
			require.Contains(t, s.raw("whoami", "--json", "--api", c.api, "--token-file", c.token).error(t).Detail, c.says)
		})
	}
	e := s.raw("whoami", "--json", "--api", "here", "--token-file", "/nowhere", "--timeout=-1s", "--api-ca-file", "/nowhere").error(t)
	require.Len(t, e.Errors, 4, "all at once")
}

// TestWhateverAnswersInPlaceOfTheAPIIsTold with the exit code that says whether
// trying again can help.
func TestWhateverAnswersInPlaceOfTheAPIIsTold(t *testing.T) {
	body := func(status int, kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		exit   int
		code   string
	}{
		"a page":                      {body(200, "text/html", "<p>hello"), exitFault, "not-the-api"},
		"a page that is not there":    {body(404, "text/html", "<p>none"), exitFault, "not-the-api"},
		"another program's JSON":      {body(200, "application/json", `{"status":"up"}`), exitFault, "not-the-api"},
		"JSON that is cut":            {body(200, "application/json", `{"id":"tok`), exitFault, "not-the-api"},
		"a proxy's sign-in":           {body(403, "text/html", "<p>sign in"), exitFault, "not-the-api"},
		"a proxy without a server":    {body(502, "text/html", "<p>Bad Gateway"), exitUnavailable, "unavailable"},
		"a proxy that waited":         {body(504, "text/html", ""), exitUnavailable, "unavailable"},
		"a proxy that holds one back": {body(429, "text/html", ""), exitUnavailable, "unavailable"},
		"a problem without a text":    {body(500, "application/problem+json", "{}"), exitFault, "not-the-api"},
		"a field that makes no sense": {body(422, "application/problem+json", `{"code":"invalid-x","detail":"d","errors":[{"field":"x","message":"m"}]}`), exitUsage, "invalid-x"},
		"a malformed request":         {body(400, "application/problem+json", `{"code":"malformed","detail":"d"}`), exitUsage, "malformed"},
		"a file that is too large":    {body(413, "application/problem+json", `{"code":"too-large","detail":"d"}`), exitUsage, "too-large"},
		"a rule":                      {body(409, "application/problem+json", `{"code":"c","detail":"d"}`), exitRefused, "c"},
		"something that was":          {body(410, "application/problem+json", `{"code":"c","detail":"d"}`), exitRefused, "c"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, c.handle)
			for _, command := range []string{"whoami", "account list"} {
				e := s.run(append(strings.Fields(command), "--json")...).error(t)
				require.Equal(t, c.exit, e.Exit, command)
				require.Equal(t, c.code, e.Code, command)
			}
		})
	}
}

func TestASlowServerIsToldFromOneThatMayHaveDoneIt(t *testing.T) {
	hold := make(chan struct{})
	s := newShell(t, func(http.ResponseWriter, *http.Request) { <-hold })
	t.Cleanup(func() { close(hold) })
	got := s.run("whoami", "--timeout", "50ms")
	require.Equal(t, exitUnavailable, got.exit)
	require.Contains(t, got.errs, "did not answer within 50ms (--timeout). Nothing was to be changed; try again.")
	got = s.run("payload-key", "rotate", "--timeout", "50ms")
	require.Equal(t, exitUnavailable, got.exit)
	require.Contains(t, got.errs, "may have been done")
}

// A server that is killed with a change in hand may have done it. What is said
// must not depend on whether its port is closed by the time of the next try.
func TestAChangeWhoseAnswerIsLostMayHaveBeenDone(t *testing.T) {
	server := func(t *testing.T, reset bool, dies func(*http.Request) bool) *shell {
		t.Helper()
		var s *shell
		s = newShell(t, func(w http.ResponseWriter, r *http.Request) {
			if !dies(r) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"id":"i","migration":{"id":"mig_1"},"state":"given"}`))
				return
			}
			_ = s.listener.Close()
			conn, _, err := http.NewResponseController(w).Hijack()
			if tcp, ok := conn.(*net.TCPConn); ok && reset && err == nil {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		})
		return s
	}
	changes := func(r *http.Request) bool { return r.Method != http.MethodGet }
	for line, says := range map[string][]string{
		"roll-back i --reason leavers": {"`consentry explain i` shows whether it was", "can safely be repeated"},
		"cancel i":                     {"`consentry explain i` shows whether it was", "can safely be repeated"},
		"migrate i":                    {"`consentry explain i` shows whether it was", "can safely be repeated"},
		"token revoke tok_1":           {"`consentry token list` shows whether it was", "Look before you repeat it"},
		"synchronize i":                {"may have been done. Look before you repeat it"},
	} {
		for _, reset := range []bool{false, true} {
			s := server(t, reset, changes)
			e := s.run(append(strings.Fields(line), "--json")...).error(t)
			require.Equal(t, exitUnavailable, e.Exit, line)
			require.Equal(t, connectionLost, e.Code, line)
			for _, words := range append(says, "broke before an answer came", "may have been done") {
				require.Contains(t, e.Detail, words, line)
			}
			require.NotContains(t, e.Detail, "try again", line)
			// The port is closed by now, and nothing is sent to it.
			e = s.run("token", "revoke", "tok_1", "--json").error(t)
			require.Equal(t, "unreachable", e.Code)
			require.Contains(t, e.Detail, "Nothing was sent")
		}
	}

	s := server(t, false, func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/v1/decisions/") })
	e := s.run("roll-back", "i", "--reason", "leavers", "--json").error(t)
	require.Equal(t, exitUnavailable, e.Exit)
	require.Contains(t, e.Detail, "The decision i is given and is carried out all the same")
	require.Contains(t, e.Detail, "`consentry explain i` shows it")
}

// A proxy whose server died with a change in hand knows no more.
func TestAChangeThatAProxyLostMayHaveBeenDone(t *testing.T) {
	s := newShell(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"id":"i","migration":{"id":"mig_1"}}`))
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	})
	got := s.run("roll-back", "i", "--reason", "leavers")
	require.Equal(t, exitUnavailable, got.exit)
	require.Contains(t, got.errs, "status 502). What was sent may have been done: `consentry explain i` shows whether it was.")
}

func TestAClockThatIsWrongIsTold(t *testing.T) {
	for offset, told := range map[time.Duration]bool{0: false, time.Hour: true, -time.Hour: true} {
		s := newShell(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(offset).UTC().Format(http.TimeFormat))
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"id":"tok_1"}`))
		})
		got := s.run("whoami")
		require.Equal(t, exitDone, got.exit)
		require.Equal(t, told, strings.Contains(got.errs, "clock of this machine"), got.errs)
		require.Empty(t, s.run("whoami", "--json").errs, "a program is told nothing beside the answer")
	}
}

// TestEachReasonOfACertificateHasItsRemedy: an authority mends neither another
// name nor an end.
func TestEachReasonOfACertificateHasItsRemedy(t *testing.T) {
	s := newShell(t, nobody)
	for name, c := range map[string]struct {
		host string
		ends time.Duration
		says string
	}{
		"another name": {"consentry.example.com", time.Hour, "Write --api with the name that the certificate is for"},
		"an end":       {"localhost", -time.Minute, "the clock of this machine is wrong, which says 2"},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			require.NoError(t, err)
			der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
				SerialNumber: big.NewInt(1), DNSNames: []string{c.host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(c.ends), IsCA: true, BasicConstraintsValid: true,
			}, &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{c.host}}, &key.PublicKey, key)
			require.NoError(t, err)
			server := httptest.NewUnstartedServer(http.HandlerFunc(nobody))
			server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
			server.Config.ErrorLog = nil
			server.StartTLS()
			t.Cleanup(server.Close)
			authority := filepath.Join(t.TempDir(), "ca.pem")
			require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
			got := s.raw("whoami", "--api", strings.Replace(server.URL, "127.0.0.1", "localhost", 1), "--api-ca-file", authority, "--token-file", s.token)
			require.Equal(t, exitFault, got.exit)
			require.Contains(t, got.errs, c.says)
		})
	}
}

// TestANameThatSomebodyChoseSteersNoTerminal and begins no line of a table.
func TestANameThatSomebodyChoseSteersNoTerminal(t *testing.T) {
	s := newShell(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"items":[{"id":"a","name":"\u001b[2Jgone\nacc-evil  Evil","region":"eu"}],"asOf":"2026-11-22T10:00:00Z"}`))
	})
	got := s.run("account", "list")
	require.Equal(t, exitDone, got.exit)
	require.NotContains(t, got.out, "\x1b")
	require.Equal(t, 3, strings.Count(got.out, "\n"), got.out)
	require.Contains(t, s.run("account", "list", "--json").out, `\u001b[2Jgone\nacc-evil`, "a program gets what is there")
}
