package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

const configuration = `
consentDelay: 1s
tenants: [{id: bbbbbbbb-0000-4000-8000-000000000002, displayName: Contoso, domain: contoso.example, generate: {users: 3, groups: 1}}]
`

// said is what the command wrote so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) find(pattern string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := regexp.MustCompile(pattern).FindStringSubmatch(s.text.String())
	if found == nil {
		return ""
	}
	return found[1]
}

func parsed(t *testing.T, args ...string) *options {
	t.Helper()
	var o options
	parser, err := kong.New(&o)
	require.NoError(t, err)
	_, err = parser.Parse(args)
	require.NoError(t, err)
	return &o
}

func TestCommandServesWhatItsFlagsAndFileSay(t *testing.T) {
	dir := t.TempDir()
	file, ca := filepath.Join(dir, "emulator.yaml"), filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(file, []byte(configuration), 0o600))
	o := parsed(t, "--https", "127.0.0.1:0", "--http", "127.0.0.1:0", "--control", "127.0.0.1:0", "--config", file, "--seed", "9", "--ca-out", ca)
	ctx, stop := context.WithCancel(t.Context())
	var out said
	ended := make(chan error, 1)
	go func() { ended <- o.run(ctx, &out) }()
	require.Eventually(t, func() bool { return out.find(`control +(\S+)`) != "" }, 30*time.Second, 5*time.Millisecond)

	authority, err := os.ReadFile(ca)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	get := func(address string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		resp, err := client.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	status, _ := get(out.find(`programs +(\S+)`) + "/contoso.example/v2.0/.well-known/openid-configuration")
	require.Equal(t, 200, status)
	status, page := get(out.find(`browsers +(\S+)`))
	require.Equal(t, 200, status)
	require.Contains(t, page, "Contoso")
	status, tenants := get(out.find(`control +(\S+)`) + "tenants")
	require.Equal(t, 200, status)
	require.Contains(t, tenants, `"seed":9`)
	stop()
	require.NoError(t, <-ended)
}

func TestFlagsGoBeforeTheFileAndTheFileBeforeDefaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "emulator.yaml")
	require.NoError(t, os.WriteFile(file, []byte("https: 127.0.0.1:1\nconsentDelay: 0s\nnonsense: 1\n"), 0o600))
	err := parsed(t, "--config", file).run(t.Context(), io.Discard)
	require.ErrorContains(t, err, "emulator.yaml:3: nonsense")
	for _, flag := range []string{"--page-size=-1", "--consent-delay=-1s", "--key-delay=-1s"} {
		name, _, _ := strings.Cut(flag, "=")
		require.ErrorContains(t, parsed(t, flag, "--https", "127.0.0.1:0", "--http", "127.0.0.1:0").run(t.Context(), io.Discard), name+": -1")
	}
	err = parsed(t, "--page-size=-1", "--key-delay=-1s").run(t.Context(), io.Discard)
	require.ErrorContains(t, err, "--page-size: -1")
	require.ErrorContains(t, err, "--key-delay: -1", "what is wrong is told at once")
	require.Equal(t, "a", first("", "a", "b"))
	second := time.Second
	require.Equal(t, time.Second, span(&second, nil, time.Minute))
	require.Equal(t, time.Minute, span(nil, nil, time.Minute))
}

// TestEveryFlagIsDocumented compares the table of README.md with the flags there are.
func TestEveryFlagIsDocumented(t *testing.T) {
	parser, err := kong.New(&options{})
	require.NoError(t, err)
	var there []string
	for _, flag := range parser.Model.Flags {
		if flag.Name != "help" {
			there = append(there, "--"+flag.Name)
		}
	}
	content, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(--[a-z-]+)` \\|").FindAllSubmatch(content, -1) {
		documented = append(documented, string(row[1]))
	}
	require.ElementsMatch(t, there, documented)
}
