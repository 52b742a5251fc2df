package app

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheFirstOperatorIsLetInOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.db")
	run := func(args ...string) (string, error) {
		b := bootstrap{Config: Config{Database: file, LogLevel: "error", PublicURL: "https://console.test", ConsoleIssuer: "https://idp.test"}}
		for _, a := range args {
			switch a {
			case "token":
				b.Token = true
			case "elsewhere":
				b.Issuer = "https://other.test"
			case "recover":
				b.Recover = true
			default:
				b.Subject, b.Name = a, a
			}
		}
		var out bytes.Buffer
		err := b.run(t.Context(), &out)
		return strings.TrimSpace(out.String()), err
	}
	_, err := run()
	require.ErrorContains(t, err, "--subject")
	_, err = run("olga", "elsewhere")
	require.ErrorContains(t, err, "https://idp.test", "nobody could sign in, and bootstrap would say that an operator is there")
	token, err := run("token")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(token, "consentry_"), token)
	said, err := run("olga")
	require.NoError(t, err)
	require.Contains(t, said, "olga")
	_, err = run("otto")
	require.ErrorContains(t, err, "There are operators already")
	_, err = run("token")
	require.ErrorContains(t, err, "There are operators already")
	_, err = run("otto", "recover")
	require.NoError(t, err)
	_, err = run("token", "recover")
	require.NoError(t, err)
}
