package app

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What would be passed over without a word, or end a process only when it runs.
func TestWhatCannotWorkTogetherIsTold(t *testing.T) {
	profile := func(content string) string {
		path := filepath.Join(t.TempDir(), "temporal.toml")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	collector := "http://collector:4318"
	for name, one := range map[string]struct {
		set  map[string]string
		says []string // none: it works
	}{
		"a path in the console's address":     {map[string]string{"CONSENTRY_PUBLIC_URL": "https://console.example/consentry"}, []string{`"https://console.example/consentry"`, "give https://host"}},
		"a slash in the console's address":    {map[string]string{"CONSENTRY_PUBLIC_URL": "https://console.example/"}, nil},
		"TLS that is neither on nor off":      {map[string]string{"TEMPORAL_TLS": "maybe"}, []string{`TEMPORAL_TLS is "maybe"`, "true or false"}},
		"TLS, loudly":                         {map[string]string{"TEMPORAL_TLS": "TRUE"}, nil},
		"TLS left empty":                      {map[string]string{"TEMPORAL_TLS": ""}, nil},
		"host names that may be looked at":    {map[string]string{"TEMPORAL_TLS_DISABLE_HOST_VERIFICATION": "no"}, []string{`TEMPORAL_TLS_DISABLE_HOST_VERIFICATION is "no"`}},
		"a namespace with a blank":            {map[string]string{"TEMPORAL_NAMESPACE": "my namespace"}, []string{`TEMPORAL_NAMESPACE is "my namespace"`}},
		"a region with a blank":               {map[string]string{"CONSENTRY_REGIONS": "eu,north america"}, []string{`"eu,north america"`, "blanks"}},
		"an address mistyped":                 {map[string]string{"TEMPORAL_ADDRESSS": "h:1"}, []string{"TEMPORAL_ADDRESSS is no setting: write TEMPORAL_ADDRESS"}},
		"a namespace mistyped":                {map[string]string{"TEMPORAL_NAMESPCE": "n"}, []string{"TEMPORAL_NAMESPCE is no setting: write TEMPORAL_NAMESPACE"}},
		"other programs' variables":           {map[string]string{"TEMPORAL_CORS_ORIGINS": "x", "TEMPORAL_HOST": "x", "TEMPORAL_GRPC_META_X": "x", "TEMPORAL_CLI_ADDRESS": "x"}, nil},
		"a profile":                           {map[string]string{"TEMPORAL_CONFIG_FILE": profile("[profile.default]\naddress = \"h:1\"\n")}, nil},
		"an empty profile file":               {map[string]string{"TEMPORAL_CONFIG_FILE": profile("")}, nil},
		"a profile with an unknown key":       {map[string]string{"TEMPORAL_CONFIG_FILE": profile("[profile.default]\napi_keey = \"HUSHPW\"\n")}, []string{"TEMPORAL_CONFIG_FILE", "profile.default.api_keey"}},
		"a profile that is none":              {map[string]string{"TEMPORAL_CONFIG_FILE": profile("[profile.default]\napi_key = HUSHPW\n")}, []string{"TEMPORAL_CONFIG_FILE", "toml: line 2"}},
		"traces by grpc":                      {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, []string{`OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"`, "http/protobuf"}},
		"a collector without http":            {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, []string{`OTEL_EXPORTER_OTLP_ENDPOINT is "collector:4318"`}},
		"a collector with a password":         {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "ftp://u:HUSHPW@collector"}, []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}},
		"a collector":                         {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector}, nil},
		"metrics on all of the API's ports":   {map[string]string{"CONSENTRY_LISTEN": "127.0.0.1:8099", "CONSENTRY_METRICS_LISTEN": "0.0.0.0:8099"}, []string{`"0.0.0.0:8099"`, "port of its own"}},
		"the API on all of the metrics' ones": {map[string]string{"CONSENTRY_LISTEN": ":8099", "CONSENTRY_METRICS_LISTEN": "127.0.0.1:8099"}, []string{"port of its own"}},
		"one machine by two names":            {map[string]string{"CONSENTRY_LISTEN": "localhost:8099", "CONSENTRY_METRICS_LISTEN": "127.0.0.1:8099"}, []string{"port of its own"}},
		"one port of two addresses":           {map[string]string{"CONSENTRY_LISTEN": "127.0.0.1:8099", "CONSENTRY_METRICS_LISTEN": "127.0.0.2:8099"}, nil},
		"any two free ports":                  {map[string]string{"CONSENTRY_LISTEN": "127.0.0.1:0", "CONSENTRY_METRICS_LISTEN": "127.0.0.1:0"}, nil},
		"proxies that are everybody":          {map[string]string{"CONSENTRY_TRUSTED_PROXIES": "0.0.0.0/0"}, []string{`"0.0.0.0/0"`, "who he is"}},
		"proxies that are everybody, newly":   {map[string]string{"CONSENTRY_TRUSTED_PROXIES": "::/0"}, []string{`"::/0"`, "who he is"}},
		"proxies that are half of everybody":  {map[string]string{"CONSENTRY_TRUSTED_PROXIES": "10.0.0.0/8,128.0.0.0/1"}, []string{`"128.0.0.0/1"`, "a part of everybody", "10.0.0.0/8"}},
		"proxies that are too many":           {map[string]string{"CONSENTRY_TRUSTED_PROXIES": "10.0.0.0/7"}, []string{`"10.0.0.0/7"`}},
		"proxies that are all of the new net": {map[string]string{"CONSENTRY_TRUSTED_PROXIES": "2000::/3"}, []string{`"2000::/3"`, "fc00::/7"}},
		"proxies that are everybody in IPv6":  {map[string]string{"CONSENTRY_TRUSTED_PROXIES": "::ffff:0.0.0.0/96"}, []string{`"::ffff:0.0.0.0/96"`}},
		"proxies of one's own, newly":         {map[string]string{"CONSENTRY_TRUSTED_PROXIES": "fc00::/7,::ffff:10.0.0.0/104,10.0.0.7/32,::1/128"}, nil},
		"proxies":                             {map[string]string{"CONSENTRY_TRUSTED_PROXIES": "10.0.0.0/8,fd00::/8"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			environment := goodEnvironment(t)
			maps.Copy(environment, one.set)
			code, _, errs := mainWith(t, environment, "check")
			if len(one.says) == 0 {
				require.Zero(t, code, errs)
				return
			}
			require.Equal(t, exitMistake, code)
			require.Contains(t, errs, "to be mended (1)")
			for _, words := range one.says {
				require.Contains(t, errs, words)
			}
			require.NotContains(t, errs, "HUSHPW")
		})
	}
}

func TestEveryNetworkThatIsNoneIsNamed(t *testing.T) {
	environment := goodEnvironment(t)
	environment["CONSENTRY_TRUSTED_PROXIES"] = "foo,10.0.0.0/8,bar,10.0.0.0/99"
	_, err := under(t, environment)
	var report *ConfigError
	require.ErrorAs(t, err, &report)
	require.Len(t, report.Faults, 3)
	for _, one := range []string{"foo", "bar", "10.0.0.0/99"} {
		require.ErrorContains(t, err, `--trusted-proxies (CONSENTRY_TRUSTED_PROXIES) is "`+one+`"`)
	}
	environment["CONSENTRY_TRUSTED_PROXIES"] = "0.0.0.0/1,128.0.0.0/1"
	_, err = under(t, environment)
	require.ErrorAs(t, err, &report)
	require.Len(t, report.Faults, 2, "each half")
}
