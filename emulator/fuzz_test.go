package emulator

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzAssertion reads whatever a client may send as assertion: it may be refused, but never upset the server.
func FuzzAssertion(f *testing.F) {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, seed := range []string{"", "a.b.c", "..", part("null") + "." + part("{}") + ".", part("{}") + "." + part("null") + ".",
		part(`{"alg":"none","x5t":7}`) + "." + part(`{"exp":1e400}`) + ".", part(`{"alg":"PS256","x5t#S256":"0X3Y+KEP/SLA="}`) + "." + part(`{"exp":1700000000.123,"nbf":-1,"aud":["a",1,null]}`) + ".AAAA",
		part(`{"alg":"RS256","x5t":"===="}`) + "." + part(`{"exp":"soon","iat":1e11,"aud":{}}`) + ".AA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := parseProof(text)
		if !ok {
			return
		}
		_, _ = p.thumbprint()
		_ = p.audiences()
		for _, name := range []string{"exp", "nbf", "iat"} {
			if at, ok := p.moment(name); ok {
				require.Less(t, at.Year(), 10_000, "can be written down")
			}
		}
		_ = p.checkTime(time.Unix(1700000000, 0))
	})
}

// FuzzConfiguration reads whatever a person may write: it is a world or refused with its reasons.
func FuzzConfiguration(f *testing.F) {
	for _, seed := range []string{"", "a", "[]", "seed: 1\nseed: 2", "tenants: [{id: x}]", "replicas: &a [*a]", "switches: {refusals: {x: {}}}", "tenants:\n- &t {id: 1}\n- *t", "---\n---", "consentDelay: !!binary x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		path := filepath.Join(t.TempDir(), "emulator.yaml")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		read, err := ReadFile(path)
		require.Equal(t, err == nil, read != nil)
	})
}
