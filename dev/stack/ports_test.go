package stack

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryTakenPortIsNamedWithTheFlagThatMovesIt(t *testing.T) {
	taken := func() int {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, l.Close()) })
		return l.Addr().(*net.TCPAddr).Port
	}
	p := Ports{Console: taken(), TemporalUI: taken()}
	err := p.claim(true, true)
	require.ErrorContains(t, err, "--port")
	require.ErrorContains(t, err, "--temporal-ui-port")
	require.NotContains(t, err.Error(), "--microsoft-http-port", "a free port is not named")

	require.ErrorContains(t, (&Ports{Console: 99999}).claim(true, true), "between 1 and 65535")

	p = Ports{TemporalUI: p.TemporalUI}
	require.NoError(t, p.claim(false, false), "the ports of a server that runs elsewhere are not ours")
	require.NotZero(t, p.Console, "0 takes a free port")
	require.NotEqual(t, p.EmulatorHTTP, p.EmulatorHTTPS)
}

func TestAProgramThatEndsBeforeItIsReadyIsToldWithItsLog(t *testing.T) {
	log := t.TempDir() + "/log"
	_, err := startProcess(t.Context(), log, nil, "/bin/false")
	require.ErrorContains(t, err, "before it was ready")
	require.ErrorContains(t, err, log)
	_, err = startProcess(t.Context(), log, nil, t.TempDir()+"/missing")
	require.ErrorContains(t, err, "make builds it")
}

func TestAStateFolderIsOneSystemsAtATime(t *testing.T) {
	dir := t.TempDir()
	first, err := lockFolder(dir)
	require.NoError(t, err)
	_, err = lockFolder(dir)
	require.ErrorContains(t, err, "is in use by process "+strconv.Itoa(os.Getpid()))
	require.ErrorContains(t, err, "--dir")
	require.NoError(t, first.Close())
	again, err := lockFolder(dir)
	require.NoError(t, err, "the lock goes with its holder")
	require.NoError(t, again.Close())
}
