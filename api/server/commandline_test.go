package server

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/test/standin"
)

// The command line as a person or a script meets it: its program, as a process,
// against this server. The API is the only thing that the two share.

var programs struct {
	sync.Mutex
	dir string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir) // a temporary folder left behind harms nothing
	}
	os.Exit(code)
}

// program gives the command line's program, built by the first test that asks.
func program(t *testing.T) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	path := filepath.Join(programs.dir, "consentry")
	if programs.dir != "" {
		return path
	}
	dir, err := os.MkdirTemp("", "consentry-cli-") //nolint:usetesting // outlives the test that builds it
	require.NoError(t, err)
	path = filepath.Join(dir, "consentry")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "consentry/starter").CombinedOutput()
	require.NoError(t, err, string(out))
	programs.dir = dir
	return path
}

// shell runs the command line with one token.
type shell struct {
	t       *testing.T
	program string
	token   string
	env     []string
}

// shell gives one with a token of an account, or of an operator (""). What
// it prints never contains the token.
func (w *world) shell(accountID string, role domain.Role) *shell {
	w.t.Helper()
	issued, err := w.service.IssueToken(w.t.Context(), domain.System("test"), service.TokenOrder{
		Name: string(role) + " of the command line", AccountID: accountID, Role: role, ExpiresAt: domain.At(w.clock.Now().Add(24 * time.Hour)),
	})
	require.NoError(w.t, err)
	return w.shellWith(issued.Value)
}

func (w *world) shellWith(token string) *shell {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "token")
	require.NoError(w.t, os.WriteFile(file, []byte(token+"\n"), 0o600))
	return &shell{t: w.t, program: program(w.t), token: token, env: []string{"CONSENTRY_API=" + w.URL, "CONSENTRY_TOKEN_FILE=" + file}}
}

func (s *shell) with(env ...string) *shell {
	other := *s
	other.env = append(append([]string{}, s.env...), env...) // of two the later counts
	return &other
}

func (s *shell) command(args ...string) (c *exec.Cmd, out, errs *bytes.Buffer) {
	c = exec.CommandContext(s.t.Context(), s.program, args...)
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	c.Env, c.Stdout, c.Stderr = s.env, out, errs
	return c, out, errs
}

// printed is what a command left.
type printed struct {
	out, errs string
	exit      int
}

func (s *shell) run(args ...string) printed {
	s.t.Helper()
	return s.fed("", args...)
}

func (s *shell) fed(input string, args ...string) printed {
	s.t.Helper()
	c, out, errs := s.command(args...)
	c.Stdin = strings.NewReader(input)
	err := c.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		require.NoError(s.t, err)
	}
	p := printed{out: out.String(), errs: errs.String(), exit: c.ProcessState.ExitCode()}
	require.NotContains(s.t, p.out+p.errs, s.token, "no token in what is printed")
	require.NotContains(s.t, p.out+p.errs, "hush", "no client secret in what is printed")
	return p
}

// newWorldOfNow is a world whose time is that of the processes that use it.
func newWorldOfNow(t *testing.T) *world {
	t.Helper()
	w := emptyWorld(t, time.Now())
	w.mount(echo.New(), w.door)
	standin.Customers(w.t, w.service, w.clock.Now())
	w.engine.Decides(func(id string) { // the workflow takes each decision at once
		var d domain.Decision
		require.NoError(t, w.store.Read(t.Context(), func(r service.Rows) (err error) { d, err = r.Decisions().Get(id); return err }))
		_, err := w.service.ApplyDecision(t.Context(), domain.System("test"), contract.ApplyDecision{AttemptID: d.MigrationID, DecisionID: id})
		require.NoError(t, err)
	})
	return w
}

// TestTheCommandLineSaysWhatIsInTheWay: each with its own code and sentence, as
// text and as JSON, and without the token.
func TestTheCommandLineSaysWhatIsInTheWay(t *testing.T) {
	w := newWorldOfNow(t)
	good := w.shell("acc-contoso", domain.RoleView)
	secure := httptest.NewTLSServer(w.echo)
	t.Cleanup(secure.Close)
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("<p>hello")) }))
	t.Cleanup(other.Close)
	elsewhere := httptest.NewServer(http.RedirectHandler(w.URL, http.StatusFound))
	t.Cleanup(elsewhere.Close)
	gateway := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(gateway.Close)
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := closed.Addr().String()
	require.NoError(t, closed.Close())

	issued := func(name string, ends time.Duration) service.IssuedToken {
		token, err := w.service.IssueToken(t.Context(), domain.System("test"), service.TokenOrder{Name: name, Role: domain.RoleOperator, ExpiresAt: domain.At(w.clock.Now().Add(ends))})
		require.NoError(t, err)
		return token
	}
	revoked, short := issued("revoked", time.Hour), issued("short", time.Minute)
	_, err = w.service.RevokeToken(t.Context(), domain.System("test"), revoked.Token.ID)
	require.NoError(t, err)
	w.clock.Pass(time.Minute)

	for name, c := range map[string]struct {
		with *shell
		exit int
		code string
		says string
	}{
		"a server that is another":    {good.with("CONSENTRY_API=" + other.URL), 1, "not-the-api", "does not answer like Consentry's API"},
		"one that leads elsewhere":    {good.with("CONSENTRY_API=" + elsewhere.URL), 1, "not-the-api", "does not answer like Consentry's API"},
		"a proxy without a server":    {good.with("CONSENTRY_API=" + gateway.URL), 6, "unavailable", "status 502"},
		"nobody listens":              {good.with("CONSENTRY_API=http://" + nobody), 6, "unreachable", "cannot be reached"},
		"a certificate of nobody":     {good.with("CONSENTRY_API=" + secure.URL), 1, "tls", "--api-ca-file"},
		"https to a plain port":       {good.with("CONSENTRY_API=" + strings.Replace(w.URL, "http:", "https:", 1)), 1, "tls", "does not speak TLS"},
		"plain http to another host":  {good.with("CONSENTRY_API=http://consentry.example.com"), 2, "usage", "Use https"},
		"no address":                  {good.with("CONSENTRY_API=consentry"), 2, "usage", "full address"},
		"a token file that is none":   {good.with("CONSENTRY_TOKEN_FILE=/nowhere/token"), 2, "usage", "/nowhere/token"},
		"no token":                    {good.with("CONSENTRY_TOKEN_FILE="), 5, "no-token", "CONSENTRY_TOKEN_FILE"},
		"a token that never was":      {w.shellWith(domain.NewBearer()), 5, "token-refused", "not one that works here"},
		"a token that was revoked":    {w.shellWith(revoked.Value), 5, "token-refused", "was revoked"},
		"a token that has ended":      {w.shellWith(short.Value), 5, "token-refused", "ended on "},
		"a token that is two words":   {w.shellWith("a b"), 2, "usage", "more than one word"},
		"an authority that is no PEM": {good.with("CONSENTRY_API_CA_FILE=" + program(t)), 2, "usage", "no PEM certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.with.run("whoami")
			require.Equal(t, c.exit, p.exit, p.errs)
			require.Empty(t, p.out)
			require.True(t, strings.HasPrefix(p.errs, "consentry: "), p.errs)
			require.Contains(t, p.errs, c.says)
			p = c.with.run("whoami", "--json")
			require.Equal(t, c.exit, p.exit, p.errs)
			var refusal struct {
				Error struct {
					Exit   int    `json:"exit"`
					Code   string `json:"code"`
					Detail string `json:"detail"`
				} `json:"error"`
			}
			require.NoError(t, json.Unmarshal([]byte(p.errs), &refusal), p.errs)
			require.Equal(t, c.exit, refusal.Error.Exit)
			require.Contains(t, refusal.Error.Detail, c.says)
			require.Equal(t, c.code, refusal.Error.Code)
		})
	}

	trusted := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600))
	p := good.with("CONSENTRY_API="+secure.URL).run("whoami", "--api-ca-file", trusted)
	require.Equal(t, 0, p.exit, p.errs)
	require.Contains(t, p.out, "view in acc-contoso")
	require.Equal(t, 2, good.run("explian", "contoso").exit)
	require.Equal(t, 0, good.run("--help").exit)

	w.store.down.Store(true)
	p = good.run("whoami")
	require.Equal(t, 6, p.exit, p.errs)
	require.Contains(t, p.errs, "database does not answer")
}

// TestCtrlCEndsAWait, and the migration goes on without it.
func TestCtrlCEndsAWait(t *testing.T) {
	w := newWorldOfNow(t)
	w.inPhase("contoso", domain.ConfirmingConsent)
	var asked atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/explanation") {
			asked.Add(1)
		}
		w.echo.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	s := w.shell("acc-contoso", domain.RoleMigrate).with("CONSENTRY_API=" + front.URL)
	c, out, errs := s.command("migrate", "contoso", "--wait")
	require.NoError(t, c.Start())
	require.Eventually(t, func() bool { return asked.Load() > 1 }, 30*time.Second, 10*time.Millisecond, "it looks again and again")
	require.NoError(t, c.Process.Signal(os.Interrupt))
	killed := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() }) // else the exit code below is lost in a wait
	require.Error(t, c.Wait())
	killed.Stop()
	require.Equal(t, 130, c.ProcessState.ExitCode(), errs.String())
	require.Empty(t, out.String())
	require.Contains(t, errs.String(), "Stopped.")
	require.Equal(t, domain.ConfirmingConsent, w.migration("contoso").Phase)
}

// TestAWaitOutlivesARestart of the API: looks that find nobody are repeated.
func TestAWaitOutlivesARestart(t *testing.T) {
	w := newWorldOfNow(t)
	w.inPhase("contoso", domain.ConfirmingConsent)
	var asked atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/explanation") {
			if asked.Add(1) == 2 {
				rw.WriteHeader(http.StatusBadGateway)
				return
			}
		}
		w.echo.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	c, out, errs := w.shell("acc-contoso", domain.RoleMigrate).with("CONSENTRY_API="+front.URL).command("migrate", "contoso", "--wait")
	require.NoError(t, c.Start())
	require.Eventually(t, func() bool { return asked.Load() > 1 }, 30*time.Second, 10*time.Millisecond, "it looks again and again")
	w.inPhase("contoso", domain.AwaitingDescription)
	require.Error(t, c.Wait())
	require.Equal(t, 7, c.ProcessState.ExitCode(), errs.String())
	require.Contains(t, out.String(), "waits for the connector's description")
	require.Greater(t, asked.Load(), int32(2))
}

// inPhase puts the latest attempt of an integration where a workflow would.
func (w *world) inPhase(integrationID string, phase domain.Phase) {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error {
		m, err := r.Migrations().Find(service.Query{Where: service.Where{"integration_id": integrationID}, Order: []string{"-started_at"}})
		m.Phase, m.Open = phase, !phase.Ended()
		return errors.Join(err, r.Migrations().Update(&m))
	}))
}
