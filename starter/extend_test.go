package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// When nobody answers any more, what was done is told, and nothing is guessed of
// the rest.
func TestAnAccountsDateEndsWhereNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := `{"id":"dec_1","state":"applied"}`
		switch {
		case r.Method == http.MethodGet:
			answer = `{"asOf":"2026-11-30T10:00:00Z","items":[` +
				`{"id":"mig_3","integrationId":"c","phase":"Proving","open":true},{"id":"mig_1","integrationId":"a","phase":"Proving","open":true},` +
				`{"id":"mig_4","integrationId":"d","phase":"CleanUp","open":true},{"id":"mig_0","integrationId":"a","phase":"Cancelled","open":false},` +
				`{"id":"mig_2","integrationId":"b","phase":"Proving","open":true}]}`
		case strings.Contains(r.URL.Path, "mig_2"):
			w.WriteHeader(http.StatusServiceUnavailable)
			answer = `{"status":503,"code":"unavailable"}`
		case !strings.Contains(r.URL.Path, "mig_1"):
			w.WriteHeader(http.StatusTeapot) // nothing else is asked for
		}
		_, _ = io.WriteString(w, answer) // a lost answer fails the command
	}))
	t.Cleanup(server.Close)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("a-token\n"), 0o600))

	var out, errs bytes.Buffer
	exit := run(t.Context(), []string{"extend", "--account", "acc", "--until", "2999-01-01", "--api", server.URL, "--token-file", token}, strings.NewReader(""), &out, &errs)
	require.Equal(t, exitUnavailable, exit, out.String()+errs.String())
	rows := strings.Split(out.String(), "\n")
	require.Len(t, rows, 6, out.String())
	require.Regexp(t, `^a +mig_1 +2999-01-01 23:59 UTC, the end of that day \(decision dec_1\)`, rows[1])
	require.Regexp(t, `^b +mig_2 +not known: .* does not answer at the moment`, rows[2])
	require.Regexp(t, `^c +mig_3 +not asked for`, rows[3])
}
