package app

import (
	"bytes"
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// files are what a good configuration names.
func files(t *testing.T) (database, key, secret string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	return filepath.Join(dir, "x.db"), write("key", "base64key://"+base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))), write("secret", "console-secret-value")
}

// goodEnvironment is complete; each case below breaks one thing of it.
func goodEnvironment(t *testing.T) map[string]string {
	t.Helper()
	database, key, secret := files(t)
	return map[string]string{
		"CONSENTRY_DATABASE": database, "CONSENTRY_KEY_FILE": key, "CONSENTRY_PUBLIC_URL": "https://console.example",
		"CONSENTRY_CONSOLE_ISSUER": "https://id.example", "CONSENTRY_CONSOLE_CLIENT_ID": "console", "CONSENTRY_CONSOLE_SECRET_FILE": secret,
	}
}

// under parses with exactly this environment of ours.
func under(t *testing.T, environment map[string]string, args ...string) (*commandLine, error) {
	t.Helper()
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "CONSENTRY_") || strings.HasPrefix(name, "TEMPORAL_") {
			t.Setenv(name, "") // so that it comes back after the test
			require.NoError(t, os.Unsetenv(name))
		}
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for name, value := range environment {
		t.Setenv(name, value)
	}
	return parse(APIProgram(), args, &bytes.Buffer{})
}

func TestACompleteConfigurationIsTaken(t *testing.T) {
	line, err := under(t, goodEnvironment(t))
	require.NoError(t, err)
	require.Equal(t, "run", line.command)
	require.Equal(t, "127.0.0.1:9080", line.Run.MetricsListen)
	require.Equal(t, time.Minute, line.Run.SweepEvery)
	line, err = under(t, goodEnvironment(t), "check", "--sweep-every=5s", "--regions", "eu,us")
	require.NoError(t, err)
	require.Equal(t, "check", line.command)
	require.Equal(t, []string{"eu", "us"}, line.Run.Regions)
	require.Equal(t, 5*time.Second, line.Run.SweepEvery)
}

// Every setting has a case here: what is wrong with it, and what the report
// says.
func TestEverySettingThatIsWrongIsNamedWithItsValueAndRemedy(t *testing.T) {
	for flag, one := range map[string]struct {
		value string
		says  []string
		also  map[string]string
	}{
		"database":            {value: "/nonexistent/x.db", says: []string{`"/nonexistent/x.db"`, "folder that does not exist"}},
		"database-file":       {value: "/nonexistent", says: []string{"names no file"}, also: map[string]string{"CONSENTRY_DATABASE": ""}},
		"key-file":            {value: "/nonexistent", says: []string{"names no file", "may read"}},
		"public-url":          {value: "console.example", says: []string{`"console.example"`, "https://host"}},
		"listen":              {value: "8080", says: []string{`"8080"`, "HOST:PORT"}},
		"metrics-listen":      {value: "127.0.0.1:http", says: []string{`"127.0.0.1:http"`, "HOST:PORT"}},
		"drain":               {value: "a while", says: []string{`"a while"`, "30s"}},
		"stop-within":         {value: "-1s", says: []string{`"-1s"`, "at least 0s"}},
		"cloud":               {value: "mars", says: []string{`"mars"`, "usgov-dod"}},
		"authority":           {value: "https://login.example", says: []string{`"https://login.example"`, "--cloud=custom"}},
		"browser-authority":   {value: "nowhere", says: []string{`"nowhere"`}, also: map[string]string{"CONSENTRY_CLOUD": "custom", "CONSENTRY_AUTHORITY": "https://a", "CONSENTRY_GRAPH_URL": "https://g"}},
		"graph-url":           {value: "http://plain", says: []string{`"http://plain"`, "https"}, also: map[string]string{"CONSENTRY_CLOUD": "custom", "CONSENTRY_AUTHORITY": "https://a"}},
		"ca-file":             {value: "/nonexistent/ca.pem", says: []string{`"/nonexistent/ca.pem"`, "names no file"}},
		"console-issuer":      {value: "http://id.example", says: []string{`"http://id.example"`, "full https address"}},
		"console-client-id":   {value: "", says: []string{"is missing", "application"}},
		"console-secret-file": {value: "/nonexistent", says: []string{"names no file"}},
		"regions":             {value: "eu,,us", says: []string{`"eu,,us"`, "at least one"}},
		"sweep-every":         {value: "1ms", says: []string{`"1ms"`, "at least 1s"}},
		"temporal-address":    {value: "temporal", says: []string{`"temporal"`, "HOST:PORT"}},
		"temporal-ui":         {value: "ui", says: []string{`"ui"`, "https://host"}},
		"temporal-door":       {value: "https://console.example:8443/", says: []string{`"https://console.example:8443/"`, "name of its own"}},
		"trusted-proxies":     {value: "10.0.0.7", says: []string{`"10.0.0.7"`, "/32"}},
		"deletion-wait":       {value: "0s", says: []string{`"0s"`, "at least 1s"}},
		"evidence-for":        {value: "two years", says: []string{`"two years"`}},
		"payload-key-period":  {value: "1m", says: []string{`"1m0s"`, "at least 1h"}},
		"log-format":          {value: "xml", says: []string{`"xml"`, "json, human"}},
		"log-level":           {value: "loud", says: []string{`"loud"`, "debug, info, warn, error"}},
	} {
		t.Run(flag, func(t *testing.T) {
			environment := goodEnvironment(t)
			maps.Copy(environment, one.also)
			environment[envOf(flag)] = one.value
			_, err := under(t, environment)
			var report *ConfigError
			require.ErrorAs(t, err, &report)
			require.Len(t, report.Faults, 1, "%s", err)
			require.ErrorContains(t, err, "--"+flag+" ("+envOf(flag)+") ")
			for _, words := range one.says {
				require.ErrorContains(t, err, words)
			}
			checked[flag] = true
		})
	}
	for _, s := range settings() {
		require.True(t, checked[s.flag], "--%s has no case in this table", s.flag)
		require.NotEmpty(t, s.env, "--%s can not be set by the environment", s.flag)
	}
}

var checked = map[string]bool{}

// Kong parses what it knows; a type that is new to Config needs a reader that
// collects its mistakes.
func TestEveryTypeOfASettingIsReadLeniently(t *testing.T) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		switch f.Type {
		case reflect.TypeFor[string](), reflect.TypeFor[[]string](), reflect.TypeFor[time.Duration](), reflect.TypeFor[int](), reflect.TypeFor[bool]():
		default:
			t.Errorf("%s has a type whose mistakes would end the report early: %s", f.Name, f.Type)
		}
	}
}

func TestEverythingThatIsWrongIsReportedAtOnce(t *testing.T) {
	_, err := under(t, map[string]string{
		"CONSENTRY_DATABSE": "x.db", "CONSENTRY_SWEEP_EVERY": "soon", "CONSENTRY_CLOUD": "mars", "CONSENTRY_CA_FILE": "/nonexistent/ca.pem",
		"TEMPORAL_TLS_CLIENT_CERT_PATH": "/nonexistent/cert.pem", "TEMPORAL_CONFIG_FILE": "/nonexistent/temporal.toml",
	}, "--lisen", "127.0.0.1:1", "--drain=late", "stray", "--log-level")
	for _, words := range []string{
		"no flag is called --lisen", "--listen perhaps", "the argument 4 means nothing", "--log-level (CONSENTRY_LOG_LEVEL) has no value",
		`--drain (CONSENTRY_DRAIN) is "late"`, `--sweep-every (CONSENTRY_SWEEP_EVERY) is "soon"`, `--cloud (CONSENTRY_CLOUD) is "mars"`,
		"--database (CONSENTRY_DATABASE) is missing", "(CONSENTRY_DATABSE is set: was it meant?)",
		"--key-file (CONSENTRY_KEY_FILE) is missing", "--public-url (CONSENTRY_PUBLIC_URL) is missing", "--console-issuer (", "--console-client-id (", "--console-secret-file (",
		`--ca-file (CONSENTRY_CA_FILE) is "/nonexistent/ca.pem"`, `TEMPORAL_TLS_CLIENT_CERT_PATH is "/nonexistent/cert.pem"`,
		"TEMPORAL_TLS_CLIENT_KEY_PATH is missing", `TEMPORAL_CONFIG_FILE is "/nonexistent/temporal.toml"`,
	} {
		require.ErrorContains(t, err, words)
	}
	require.NotContains(t, err.Error(), "stray", "an argument that means nothing may be a secret")
}

// A default that stands in for a mistyped variable is found out in production.
func TestAMistypedVariableIsTold(t *testing.T) {
	environment := goodEnvironment(t)
	environment["CONSENTRY_STOP_WITIN"], environment["CONSENTRY_REGION"] = "1m", "eu,us"
	environment["CONSENTRY_API"], environment["CONSENTRY_TOKEN_FILE"], environment["CONSENTRY_HOST"], environment["CONSENTRY_VERSION"] = "x", "x", "x", "x"
	environment["CONSENTRY_TEMPORAL_HOST"], environment["CONSENTRY_TEMPORAL_SITE"] = "x", "x" // other programs'
	_, err := under(t, environment)
	var report *ConfigError
	require.ErrorAs(t, err, &report)
	require.Len(t, report.Faults, 2, "%s", err)
	require.ErrorContains(t, err, "CONSENTRY_STOP_WITIN is no setting: write CONSENTRY_STOP_WITHIN")
	require.ErrorContains(t, err, "CONSENTRY_REGION is no setting: write CONSENTRY_REGIONS")
}

// What a person may well give by mistake, beside values of the wrong form.
func TestWhatIsNoFileAndWhatIsTooMuchOfAnAddressIsTold(t *testing.T) {
	dir := t.TempDir()
	for name, one := range map[string]struct{ value, says string }{
		"CONSENTRY_KEY_FILE":            {dir, "names a folder"},
		"CONSENTRY_CONSOLE_SECRET_FILE": {dir, "names a folder"},
		"CONSENTRY_CA_FILE":             {dir, "names a folder"},
		"TEMPORAL_CONFIG_FILE":          {dir, "names a folder"},
		"CONSENTRY_DATABASE":            {dir, "is a folder"},
		"CONSENTRY_PUBLIC_URL":          {"https://olga:pl4nted@console.example", "leave out user, password"},
		"CONSENTRY_CONSOLE_ISSUER":      {"https://id.example/v2.0?key=pl4nted", "leave out user, password"},
		"CONSENTRY_TEMPORAL_UI":         {"https://ui.example/#pl4nted", "leave out user, password"},
		"CONSENTRY_TEMPORAL_DOOR":       {"https://ui.example/?pl4nted", "leave out user, password"},
	} {
		t.Run(name, func(t *testing.T) {
			environment := goodEnvironment(t)
			environment[name] = one.value
			_, err := under(t, environment)
			var report *ConfigError
			require.ErrorAs(t, err, &report)
			require.Len(t, report.Faults, 1, "%s", err)
			require.ErrorContains(t, err, one.says)
			require.NotContains(t, err.Error(), "pl4nted")
		})
	}
}

// A secret reaches the configuration as the content of a file, as a variable of
// Temporal, inside an address, or by mistake where its file should be named.
func TestNoReportRepeatsASecret(t *testing.T) {
	const planted = "pl4nted-s3cret"
	_, _, _ = files(t)
	dir := t.TempDir()
	holder := filepath.Join(dir, "holder")
	require.NoError(t, os.WriteFile(holder, []byte(planted), 0o600))
	folder := filepath.Join(dir, "folder")
	require.NoError(t, os.Mkdir(folder, 0o700))
	for name, change := range map[string]map[string]string{
		"a key that is none":               {"CONSENTRY_KEY_FILE": holder},
		"the key instead of its file":      {"CONSENTRY_KEY_FILE": "base64key://" + planted},
		"the secret instead of its file":   {"CONSENTRY_CONSOLE_SECRET_FILE": planted},
		"the database instead of its file": {"CONSENTRY_DATABASE_FILE": "postgres://u:" + planted + "@h/n", "CONSENTRY_DATABASE": ""},
		"a password in an address":         {"CONSENTRY_DATABASE": "postgres://u:" + planted + "@/n"},
		"a password in a query":            {"CONSENTRY_DATABASE": "postgres://h/n?user=u&password=" + planted},
		"a password in another database":   {"CONSENTRY_DATABASE": "mysql://u:" + planted + "@h/n"},
		"a password that cannot be read":   {"CONSENTRY_DATABASE": "postgres://u:" + planted + "%zz@h/n"},
		"a key of Temporal":                {"TEMPORAL_API_KEY": planted, "TEMPORAL_ADDRESS": planted},
		"a client key of Temporal":         {"TEMPORAL_TLS_CLIENT_KEY_DATA": planted, "TEMPORAL_TLS_CLIENT_CERT_DATA": planted},
		"a client key without certificate": {"TEMPORAL_TLS_CLIENT_KEY_DATA": planted},
		"a secret of a file, elsewhere":    {"CONSENTRY_CONSOLE_SECRET_FILE": holder, "CONSENTRY_LOG_LEVEL": planted},
		"an address with a token":          {"CONSENTRY_TEMPORAL_UI": "ftp://h/?token=" + planted},
		"a folder where a file should be":  {"CONSENTRY_KEY_FILE": folder, "CONSENTRY_CONSOLE_SECRET_FILE": "\x00" + planted},
	} {
		t.Run(name, func(t *testing.T) {
			environment := goodEnvironment(t)
			for name, value := range change {
				if strings.ContainsRune(value, 0) {
					continue // no environment can hold it
				}
				environment[name] = value
			}
			_, err := under(t, environment)
			require.Error(t, err)
			require.NotContains(t, err.Error(), planted)
		})
	}
	_, err := under(t, goodEnvironment(t), "--key-file", "base64key://"+planted, "--console-secret-file="+planted, planted)
	require.Error(t, err)
	require.NotContains(t, err.Error(), planted)
}

// What keeps the console and the Temporal UI apart is the host's name.
func TestTheTemporalUIsDoorHasAHostOfItsOwn(t *testing.T) {
	for door, says := range map[string]string{
		"https://CONSOLE.example":           "name of its own",
		"https://console.example:444":       "name of its own",
		"http://temporal.example":           "is not https, as --public-url is",
		"https://temporal.example/temporal": "has the whole host",
		"temporal.example":                  "https://host",
		"https://temporal.example/":         "",
	} {
		environment := goodEnvironment(t)
		environment["CONSENTRY_TEMPORAL_DOOR"] = door
		_, err := under(t, environment)
		if says == "" {
			require.NoError(t, err, door)
			continue
		}
		require.ErrorContains(t, err, says, door)
		require.ErrorContains(t, err, "--temporal-door (CONSENTRY_TEMPORAL_DOOR)", door)
	}
}

func TestMicrosoftIsNotGivenAPlainAddress(t *testing.T) {
	environment := goodEnvironment(t)
	environment["CONSENTRY_PUBLIC_URL"] = "http://console.example"
	_, err := under(t, environment)
	require.ErrorContains(t, err, "Microsoft sends browsers back to https addresses only")
	environment["CONSENTRY_PUBLIC_URL"] = "http://localhost:8080"
	_, err = under(t, environment)
	require.NoError(t, err, "Microsoft allows localhost without TLS")
}

func TestHelpNamesEverySetting(t *testing.T) {
	var out bytes.Buffer
	line, err := parse(WorkerProgram(), []string{"--help"}, &out)
	require.NoError(t, err)
	require.True(t, line.done)
	out.Reset()
	_, err = parse(WorkerProgram(), []string{"run", "--help"}, &out)
	require.NoError(t, err)
	for _, s := range settings() {
		require.Contains(t, out.String(), "--"+s.flag)
		require.Contains(t, out.String(), "$"+s.env)
	}
}
