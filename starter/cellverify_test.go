package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAWaitEndsWithAnAnswerThatWaitingDoesNotChange: the API answers that
// Microsoft was asked and refused for good, and never anything else.
func TestAWaitEndsWithAnAnswerThatWaitingDoesNotChange(t *testing.T) {
	var asked atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			asked.Store(true)
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{}`) // a lost answer fails the command
			return
		}
		answer := `{"id":"cell-n","certificates":[{"id":"crd_1","state":"published","sha1":"AB"}]}`
		if asked.Load() {
			answer = `{"id":"cell-n","certificates":[{"id":"crd_1","state":"published","sha1":"AB","lastProofAt":"2026-11-22T10:00:00Z","proofCode":"tenant_unknown","proofText":"Microsoft does not know this tenant"}]}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("a-token\n"), 0o600))

	var out, errs bytes.Buffer
	exit := run(t.Context(), []string{"cell", "verify", "cell-n", "--wait", "--api", server.URL, "--token-file", token}, strings.NewReader(""), &out, &errs)
	require.Equal(t, exitWaits, exit, errs.String())
	require.Contains(t, out.String(), "Microsoft does not know this tenant. Waiting does not help")
}

// TestAWaitTellsItsStepsToAPipe: each once, and nothing to who wants no words.
func TestAWaitTellsItsStepsToAPipe(t *testing.T) {
	for _, flag := range []string{"", "--quiet", "--json"} {
		var looks atomic.Int32
		s := newShell(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			answer := `{"id":"cell-n","certificates":[{"id":"crd_1","state":"published","sha1":"AB"}]}`
			if r.Method == http.MethodGet && looks.Add(1) > 3 {
				answer = `{"id":"cell-n","certificates":[{"id":"crd_1","state":"active","sha1":"AB","activatedAt":"2026-11-22T10:00:00Z"}]}`
			}
			_, _ = io.WriteString(w, answer)
		})
		got := s.run(strings.Fields("cell verify cell-n --wait " + flag)...)
		require.Equal(t, exitDone, got.exit, got.errs)
		if flag != "" {
			require.Empty(t, got.errs)
			continue
		}
		require.Equal(t, "Not verified: no token was asked for yet with the certificate AB.\n", got.errs, "once, though it was looked at more often")
	}
}

// TestNobodySitsAtDevNull, although it is a character device like a terminal.
func TestNobodySitsAtDevNull(t *testing.T) {
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	require.False(t, isTerminal(f))
}
