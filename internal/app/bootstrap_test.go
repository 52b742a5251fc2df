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
		b := bootstrap{Config: Config{Database: file, LogLevel: "error", LogFormat: FormatJSON, PublicURL: "https://console.test", ConsoleIssuer: "https://idp.test"}}
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

// TestBootstrapSaysEveryMistakeAtOnce and exits as for any configuration that
// cannot work; what may be a secret is not repeated.
func TestBootstrapSaysEveryMistakeAtOnce(t *testing.T) {
	for name := range map[string]string{"CONSENTRY_DATABASE": "", "CONSENTRY_DATABASE_FILE": "", "CONSENTRY_CONSOLE_ISSUER": ""} {
		t.Setenv(name, "")
	}
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"nothing at all":         {nil, []string{"--database", "nobody is named", "--console-issuer"}},
		"a name alone":           {[]string{"--name", "Olga", "--log-level", "loud"}, []string{"--subject is missing", "--log-level", "--console-issuer"}},
		"a token and a person":   {[]string{"--token", "--name", "Olga"}, []string{"--database", "--token is given beside an identity"}},
		"a flag that is none":    {[]string{"--tokne", "--sweep-every", "soon"}, []string{"--token perhaps", "--sweep-every"}},
		"an argument":            {[]string{"hush-hush", "--token=hush-hush"}, []string{"the argument 1 means nothing", "--token has a value"}},
		"an issuer of elsewhere": {[]string{"--issuer", "https://other.test", "--subject", "s", "--name", "n", "--console-issuer", "https://idp.test"}, []string{"https://idp.test", "--database"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			require.Equal(t, exitMistake, Bootstrap(t.Context(), c.args, &out, &errs), errs.String())
			require.Empty(t, out.String())
			for _, said := range c.says {
				require.Contains(t, errs.String(), said)
			}
			require.NotContains(t, errs.String(), "hush-hush")
		})
	}
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, Bootstrap(t.Context(), []string{"--help"}, &out, &errs))
	require.Contains(t, out.String(), "--recover")
	require.Equal(t, exitOK, Bootstrap(t.Context(), []string{"--token", "--database", filepath.Join(t.TempDir(), "c.db")}, &out, &errs), errs.String())
}
