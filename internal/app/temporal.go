package app

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.temporal.io/sdk/contrib/envconfig"
)

// temporalVariables are those that Temporal's library reads, beside
// TEMPORAL_GRPC_META_….
var temporalVariables = []string{
	"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_CLIENT_AUTHORITY", "TEMPORAL_CONFIG_FILE", "TEMPORAL_PROFILE",
	"TEMPORAL_TLS", "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_DATA", "TEMPORAL_TLS_CLIENT_KEY_PATH", "TEMPORAL_TLS_CLIENT_KEY_DATA",
	"TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_SERVER_CA_CERT_DATA", "TEMPORAL_TLS_SERVER_NAME", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION",
	"TEMPORAL_CODEC_ENDPOINT", "TEMPORAL_CODEC_AUTH",
}

// checkTemporal looks at what Temporal's own library will read. It ignores a
// configuration file that is not there, switches that are neither on nor off and
// keys that it does not know, and stops at its first mistake; none of it helps a
// person who has set them.
func checkTemporal(f *faults, lookup func(string) (string, bool)) {
	get := func(name string) string { v, _ := lookup(name); return v }
	for _, name := range []string{"TEMPORAL_API_KEY", "TEMPORAL_TLS_CLIENT_KEY_DATA", "TEMPORAL_CODEC_AUTH"} {
		f.hide(get(name))
	}
	before := len(f.all)
	checkTemporalFiles(f, get)
	for _, name := range []string{"TEMPORAL_TLS", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"} {
		if v := strings.ToLower(get(name)); v != "" && !slices.Contains([]string{"true", "false", "1", "0"}, v) {
			f.all = append(f.all, Fault{Env: name, Value: get(name), Wrong: "is neither yes nor no, and would be passed over", Remedy: "give true or false"})
		}
	}
	if v := get("TEMPORAL_NAMESPACE"); blank(v) {
		f.all = append(f.all, Fault{Env: "TEMPORAL_NAMESPACE", Value: v, Wrong: "has a blank in it", Remedy: "give the namespace's name alone"})
	}
	if v := get("TEMPORAL_ADDRESS"); v != "" {
		checkListen(f, "temporal-address", v)
	}
	slices.SortStableFunc(f.all[before:], func(a, b Fault) int { return strings.Compare(a.Env, b.Env) })
	if len(f.all) > before {
		return // the library would only repeat the first of them
	}
	if _, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: lookupEnv(lookup)}); err != nil {
		f.add(Fault{Wrong: "Temporal's settings (TEMPORAL_…) cannot be read: " + err.Error(), Remedy: "correct them; docs/operations.md lists them"})
	}
}

// blank tells text with a blank or what nobody can see.
func blank(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

func checkTemporalFiles(f *faults, get func(string) string) {
	for name, what := range map[string]string{
		"TEMPORAL_CONFIG_FILE": "the profile file", "TEMPORAL_TLS_CLIENT_CERT_PATH": "the client certificate (PEM)",
		"TEMPORAL_TLS_CLIENT_KEY_PATH": "its key (PEM)", "TEMPORAL_TLS_SERVER_CA_CERT_PATH": "the server's certificate authority (PEM)",
	} {
		path := get(name)
		if path == "" {
			continue
		}
		content, err := readable(path)
		switch {
		case err != nil:
			f.all = append(f.all, Fault{Env: name, Value: path, Wrong: err.Error(), Remedy: "give " + what + " as a file that this process may read"})
		case name == "TEMPORAL_CONFIG_FILE":
			if err := checkProfile(f, content); err != nil {
				f.all = append(f.all, Fault{Env: name, Value: path, Wrong: err.Error(), Remedy: "correct the file; Temporal's documentation of environment configuration lists what it may hold"})
			}
		}
	}
	for _, pair := range [][2]string{
		{"TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_KEY_PATH"}, {"TEMPORAL_TLS_CLIENT_CERT_DATA", "TEMPORAL_TLS_CLIENT_KEY_DATA"},
	} {
		for i := range pair {
			if get(pair[i]) != "" && get(pair[1-i]) == "" {
				f.all = append(f.all, Fault{Env: pair[1-i], Wrong: missing, Remedy: "a client certificate and its key go together, and " + pair[i] + " is set"})
			}
		}
	}
}

var tomlLine = regexp.MustCompile(`toml: line \d+`)

// checkProfile is about a file that was made for us: the one that the library
// finds by itself is shared with Temporal's command line, which may know more.
// The words of a file that cannot be read are not repeated, as one may be the key.
func checkProfile(f *faults, content []byte) error {
	var lenient, strict envconfig.ClientConfig
	if err := lenient.FromTOML(content, envconfig.ClientConfigFromTOMLOptions{}); err != nil {
		if line := tomlLine.FindString(err.Error()); line != "" {
			return fmt.Errorf("names a file that cannot be read (%s)", line)
		}
		return errors.New("names a file that is no TOML, or has a value of the wrong kind")
	}
	for _, profile := range lenient.Profiles {
		f.hide(profile.APIKey)
	}
	if err := strict.FromTOML(content, envconfig.ClientConfigFromTOMLOptions{Strict: true}); err != nil {
		return fmt.Errorf("names a file with what Temporal's library would pass over: %w", err)
	}
	return nil
}

// lookupEnv reads single variables of an environment. What matches a prefix is
// only headers (TEMPORAL_GRPC_META_…), which cannot be wrong.
type lookupEnv func(string) (string, bool)

// LookupEnv implements envconfig.EnvLookup.
func (l lookupEnv) LookupEnv(name string) (string, bool) { return l(name) }

// Environ implements envconfig.EnvLookup.
func (l lookupEnv) Environ() []string { return nil }
