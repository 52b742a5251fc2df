package shutdown

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// running names the processes that work on the folder: it stands in their
// arguments or in their environment.
func running(folder string) []string {
	var found []string
	processes, _ := filepath.Glob("/proc/[0-9]*") // nothing but the pattern could be wrong
	for _, p := range processes {
		arguments, err := os.ReadFile(filepath.Join(p, "cmdline")) // empty in one that has ended and is not waited for
		if err != nil || len(arguments) == 0 {
			continue
		}
		environment, _ := os.ReadFile(filepath.Join(p, "environ")) // another user's cannot be read
		if bytes.Contains(arguments, []byte(folder)) || bytes.Contains(environment, []byte(folder)) {
			found = append(found, filepath.Base(p)+" "+strings.ReplaceAll(string(arguments), "\x00", " "))
		}
	}
	return found
}

// makeDev starts `consentry-dev run` on PostgreSQL in the folder.
func makeDev(t *testing.T, folder string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(built(t, "consentry-dev"), "run", "--dir", folder, "--db", "postgres", "--users", "5",
		"--port", "0", "--temporal-port", "0", "--temporal-ui-port", "0", "--microsoft-https-port", "0", "--microsoft-http-port", "0", "--postgres-port", "0")
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Consentry is ready") {
		t.Log(lines.Text())
	}
	require.Contains(t, lines.Text(), "Consentry is ready")
	go func() {
		for lines.Scan() { // the rest of the banner
		}
	}()
	return cmd
}

func TestMakeDevLeavesNoProcessBehind(t *testing.T) {
	folder, err := os.MkdirTemp("", "consentry-shutdown-") //nolint:usetesting // PostgreSQL's user may not pass through the test's own folder
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })

	dev := makeDev(t, folder)
	require.GreaterOrEqual(t, len(running(folder)), 3, "the system itself, Temporal and PostgreSQL at least: %v", running(folder))
	require.NoError(t, dev.Process.Signal(syscall.SIGTERM))
	_ = dev.Wait() // on a busy machine it says that it cut what did not end within its seconds
	require.True(t, dev.ProcessState.Exited(), "it ends by itself: %v", dev.ProcessState)
	require.Empty(t, running(folder))

	dev = makeDev(t, folder)
	require.NoError(t, dev.Process.Kill())
	_ = dev.Wait()
	eventually(t, func() bool { return len(running(folder)) == 0 }, "what it started ends by itself when it is killed")
}

func TestTheEmulatorStopsWhenItIsTold(t *testing.T) {
	cmd := exec.Command(built(t, "entra-emulator"), "--https", "127.0.0.1:0", "--http", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	first, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, first, "programs")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "exit code 0")
}
