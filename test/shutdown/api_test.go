package shutdown

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// heldRequest is a request whose body is half sent and whose handler waits for
// the rest.
type heldRequest struct {
	conn net.Conn
	read *bufio.Reader
	rest string
}

// hold orders a token of that name. "100 Continue" is what the server says when
// the handler begins to read the body: from then on the request is under way.
func (s *system) hold(t *testing.T, address, name string) heldRequest {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	body := fmt.Sprintf(`{"name": %q, "role": "operator"}`, name)
	half := len(body) / 2
	_, err = fmt.Fprintf(conn, "POST /api/v1/tokens HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		address, s.token, len(body))
	require.NoError(t, err)
	h := heldRequest{conn: conn, read: bufio.NewReader(conn), rest: body[half:]}
	line, err := h.read.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	_, err = h.read.ReadString('\n')
	require.NoError(t, err)
	_, err = io.WriteString(conn, body[:half])
	require.NoError(t, err)
	return h
}

func TestAnAPIThatIsToldToStopFinishesWhatItHasBegun(t *testing.T) {
	s := start(t)
	t.Run("a request under way is answered, streams end, nothing new is taken", func(t *testing.T) {
		p := s.api(t, "CONSENTRY_DRAIN=0s", "CONSENTRY_STOP_WITHIN=10m")
		require.Equal(t, http.StatusOK, s.status(t, p.internals, "/readyz"))
		live, err := http.DefaultClient.Do(s.request(t, http.MethodGet, p.address, "/events"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = live.Body.Close() })
		stream := bufio.NewReader(live.Body)
		first, err := stream.ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, first, "retry:", "the stream is open")
		held := s.hold(t, p.address, "half sent")

		require.NoError(t, p.Signal(syscall.SIGTERM))
		eventually(t, func() bool { return s.status(t, p.internals, "/readyz") == http.StatusServiceUnavailable }, "readiness says that it stops")
		require.Equal(t, http.StatusOK, s.status(t, p.internals, "/healthz"), "it lives")
		_, err = io.ReadAll(stream)
		require.NoError(t, err, "the stream ends in order: browsers come back by themselves, to another process")
		eventually(t, func() bool { return s.status(t, p.address, "/healthz") == 0 }, "nothing new is taken")

		_, err = io.WriteString(held.conn, held.rest)
		require.NoError(t, err)
		answer, err := http.ReadResponse(held.read, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, answer.StatusCode)
		issued, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Contains(t, string(issued), `"value"`)
		require.NoError(t, requireEnds(t, p.Process), "exit code 0")
	})
	t.Run("while it drains it takes requests; a second signal ends it at once", func(t *testing.T) {
		p := s.api(t, "CONSENTRY_DRAIN=1h")
		held := s.hold(t, p.address, "never sent")
		require.NoError(t, p.Signal(syscall.SIGTERM))
		eventually(t, func() bool { return s.status(t, p.address, "/readyz") == http.StatusServiceUnavailable }, "the balancer is told")
		require.Equal(t, http.StatusOK, s.status(t, p.address, "/api/v1/me"), "and may still send")

		require.NoError(t, p.Signal(syscall.SIGTERM))
		var ended *exec.ExitError
		require.ErrorAs(t, requireEnds(t, p.Process), &ended)
		require.Equal(t, syscall.SIGTERM, ended.Sys().(syscall.WaitStatus).Signal())
		_, err := held.read.ReadByte()
		require.Error(t, err, "it waited for nobody")
	})
	t.Run("what was written stands", func(t *testing.T) {
		res, err := http.DefaultClient.Do(s.request(t, http.MethodGet, strings.TrimPrefix(s.Console, "http://"), "/api/v1/tokens"))
		require.NoError(t, err)
		names, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Contains(t, string(names), `"half sent"`)
		require.NotContains(t, string(names), `"never sent"`)
	})
}
