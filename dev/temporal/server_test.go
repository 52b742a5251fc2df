package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
)

// asServer makes the test binary behave as the program, so that tests drive real processes without another build.
const asServer = "CONSENTRY_TEMPORAL_DEV_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

var (
	accountID     = temporal.NewSearchAttributeKeyKeyword("AccountId")
	deadlineArmed = temporal.NewSearchAttributeKeyTime("DeadlineArmed")
	overdue       = temporal.NewSearchAttributeKeyBool("Overdue")
	ofTheTest     = temporal.NewSearchAttributeKeyInt64("OfTheTest")
)

func TestTheSDKStartsItAsADevServer(t *testing.T) {
	t.Setenv(asServer, "1")
	server, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{
		ExistingPath:     os.Args[0],
		ClientOptions:    &client.Options{Namespace: "consentry"},
		SearchAttributes: temporal.NewSearchAttributes(ofTheTest.ValueSet(0)),
		LogLevel:         "error",
		LogFormat:        "pretty",
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })

	startWorkflow(t, server.Client(), "migration/int-1", temporal.NewSearchAttributes(
		accountID.ValueSet("acc-1"), deadlineArmed.ValueSet(time.Unix(1_800_000_000, 0)), overdue.ValueSet(true), ofTheTest.ValueSet(7)))
	requireFound(t, server.Client(), `AccountId = "acc-1" and Overdue = true and OfTheTest = 7 and DeadlineArmed > "2026-01-01T00:00:00Z"`, "migration/int-1")
}

func TestNewNamespacesKeepClosedWorkflowsForACampaign(t *testing.T) {
	server := startServer(t, "--headless", "--namespace", "europe", "--namespace", "america")
	for _, namespace := range []string{"europe", "america"} {
		described, err := server.dial(t, namespace).WorkflowService().DescribeNamespace(t.Context(),
			&workflowservice.DescribeNamespaceRequest{Namespace: namespace})
		require.NoError(t, err)
		require.Equal(t, retention, described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())
	}
}

func TestARestartKeepsWorkflowsAndAddsWhatTheNamespaceLacks(t *testing.T) {
	folder := t.TempDir()
	first := startServer(t, "--headless", "--db-dir", folder)
	startWorkflow(t, first.dial(t, "default"), "migration/int-1", temporal.NewSearchAttributes(accountID.ValueSet("acc-1")))
	first.stop(t)

	second := startServer(t, "--headless", "--db-dir", folder, "--search-attribute", "OfTheTest=Int")
	connection := second.dial(t, "default")
	requireFound(t, connection, `AccountId = "acc-1"`, "migration/int-1")
	startWorkflow(t, connection, "migration/int-2", temporal.NewSearchAttributes(ofTheTest.ValueSet(7)))
	requireFound(t, connection, `OfTheTest = 7`, "migration/int-2")
}

func TestAKilledServerKeepsWorkflows(t *testing.T) {
	folder := t.TempDir()
	first := startServer(t, "--headless", "--db-dir", folder)
	startWorkflow(t, first.dial(t, "default"), "migration/int-1", temporal.SearchAttributes{})
	require.NoError(t, first.command.Process.Kill())
	require.Error(t, first.wait())

	second := startServer(t, "--headless", "--db-dir", folder)
	requireFound(t, second.dial(t, "default"), `WorkflowId = "migration/int-1"`, "migration/int-1")
}

func TestAHalfMadeDatabaseIsMadeAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "temporal.db")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.WriteFile(file+".new", nil, 0o600))

	server := startServer(t, "--headless", "--db-filename", file)
	startWorkflow(t, server.dial(t, "default"), "migration/int-1", temporal.SearchAttributes{})
	require.NoFileExists(t, file+".new")
}

func TestATakenPortIsNamedWithItsFlag(t *testing.T) {
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = holder.Close() })
	taken := strconv.Itoa(holder.Addr().(*net.TCPAddr).Port)

	for flag, args := range map[string][]string{
		"--port":    {"--port", taken},
		"--ui-port": {"--port", "0", "--ui-port", taken},
	} {
		message := refusal(t, args...)
		require.Contains(t, message, "port "+taken+" on 127.0.0.1 is taken")
		require.Contains(t, message, "choose another port with "+flag+"\n")
	}
}

func TestOtherMachinesCannotReachIt(t *testing.T) {
	for _, ip := range []string{"0.0.0.0", "192.0.2.1", "everywhere"} {
		require.Contains(t, refusal(t, "--ip", ip), "loopback address only")
	}
}

func TestTheUIShowsButDoesNotAct(t *testing.T) {
	terminate := "/api/v1/namespaces/default/workflows/migration-1/terminate"

	shown := startServer(t)
	require.Equal(t, http.StatusOK, answer(t, http.MethodGet, shown.ui+"/api/v1/namespaces/default/workflows"))
	require.Equal(t, http.StatusOK, answer(t, http.MethodGet, shown.ui+"/"))
	require.Equal(t, http.StatusMethodNotAllowed, writeStatus(t, shown.ui, terminate))

	acting := startServer(t, "--ui-write-actions")
	require.Equal(t, http.StatusNotFound, writeStatus(t, acting.ui, terminate), "the call reaches the server, which knows no such workflow")
}

func TestIdsTooLongForASQLStoreAreRefused(t *testing.T) {
	connection := startServer(t, "--headless").dial(t, "default")
	_, err := connection.ExecuteWorkflow(t.Context(),
		client.StartWorkflowOptions{ID: strings.Repeat("x", 256), TaskQueue: "nobody"}, "AnyWorkflow")
	var invalid *serviceerror.InvalidArgument
	require.ErrorAs(t, err, &invalid)
}

func TestItStopsWithinTwoSeconds(t *testing.T) {
	server := startServer(t, "--db-dir", t.TempDir())
	started := time.Now()
	server.stop(t)
	require.Less(t, time.Since(started), 2*time.Second)
}

// process is a running server and where it answers.
type process struct {
	command  *exec.Cmd
	wait     func() error
	frontend string
	ui       string
}

// startServer takes a free port for the frontend; the line on standard output says which.
func startServer(t *testing.T, args ...string) *process {
	t.Helper()
	command := exec.Command(os.Args[0], append([]string{"server", "start-dev", "--port", "0"}, args...)...)
	command.Env = append(os.Environ(), asServer+"=1")
	errors := new(strings.Builder)
	command.Stderr = errors
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())

	p := &process{command: command, wait: sync.OnceValue(command.Wait)}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = p.wait()
		if t.Failed() {
			t.Logf("what %v said on standard error:\n%s", command.Args, errors)
		}
	})
	banner, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "the server ended before it was ready")
	_, addresses, found := strings.Cut(strings.TrimSpace(banner), " is ready: ")
	require.True(t, found, banner)
	parts := strings.Split(addresses, ", ")
	p.frontend, p.ui = parts[0], strings.TrimPrefix(parts[1], "UI ")
	return p
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.wait())
}

func (p *process) dial(t *testing.T, namespace string) client.Client {
	t.Helper()
	connection, err := client.DialContext(t.Context(), client.Options{HostPort: p.frontend, Namespace: namespace})
	require.NoError(t, err)
	t.Cleanup(connection.Close)
	return connection
}

// refusal runs a server that must not start and answers with what it said.
func refusal(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], append([]string{"server", "start-dev"}, args...)...)
	command.Env = append(os.Environ(), asServer+"=1")
	said, err := command.CombinedOutput()
	require.Error(t, err)
	return string(said)
}

// startWorkflow starts one that no worker ever takes up: enough to be stored, listed and kept.
func startWorkflow(t *testing.T, connection client.Client, id string, attributes temporal.SearchAttributes) {
	t.Helper()
	_, err := connection.ExecuteWorkflow(t.Context(),
		client.StartWorkflowOptions{ID: id, TaskQueue: "nobody", TypedSearchAttributes: attributes}, "AnyWorkflow")
	require.NoError(t, err)
}

// requireFound waits, because visibility is written after the workflow.
func requireFound(t *testing.T, connection client.Client, query, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		listed, err := connection.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		require.NoError(t, err)
		return len(listed.GetExecutions()) == 1 && listed.GetExecutions()[0].GetExecution().GetWorkflowId() == id
	}, 20*time.Second, 50*time.Millisecond)
}

func answer(t *testing.T, method, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	return send(t, request).StatusCode
}

// writeStatus posts as the UI's own pages do, with the token that its cookie carries.
func writeStatus(t *testing.T, ui, path string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ui+"/api/v1/settings", nil)
	require.NoError(t, err)
	cookies := send(t, request).Cookies()

	request, err = http.NewRequestWithContext(t.Context(), http.MethodPost, ui+path, strings.NewReader("{}"))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	for _, cookie := range cookies {
		request.AddCookie(cookie)
		if cookie.Name == "_csrf" {
			request.Header.Set("X-CSRF-Token", cookie.Value)
		}
	}
	return send(t, request).StatusCode
}

func send(t *testing.T, request *http.Request) *http.Response {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response
}
