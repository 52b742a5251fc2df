package app

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"consentry/internal/engine"
)

// Config is what a process needs to know. Each field is a flag and an
// environment variable; secrets are given as files and never printed. The tag
// `needed` means that there is no process without it, `secret` that the file's
// name is not shown when there is no such file.
type Config struct {
	Process string `kong:"-"` // the program's name, for traces and for the others

	Database     string `name:"database" env:"CONSENTRY_DATABASE" placeholder:"FILE|URL" help:"SQLite database file, created when missing, or the URL of a PostgreSQL database without its password."`
	DatabaseFile string `name:"database-file" env:"CONSENTRY_DATABASE_FILE" secret:"" placeholder:"FILE" help:"File that holds the same instead, with the password: postgres://user:password@host:5432/consentry?sslmode=verify-full"`
	KeyFile      string `name:"key-file" env:"CONSENTRY_KEY_FILE" needed:"" secret:"" placeholder:"FILE" help:"File that holds the URL of the key that seals secrets, for example base64key://… Required."`

	PublicURL  string        `name:"public-url" env:"CONSENTRY_PUBLIC_URL" needed:"" placeholder:"URL" help:"Address under which browsers reach the console; Microsoft sends them back to it. Required."`
	Listen     string        `name:"listen" env:"CONSENTRY_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the API and console listen."`
	Drain      time.Duration `name:"drain" env:"CONSENTRY_DRAIN" default:"2s" help:"How long readiness says no before the API stops accepting, so that a balancer sees it."`
	StopWithin time.Duration `name:"stop-within" env:"CONSENTRY_STOP_WITHIN" default:"20s" help:"How long requests and activities that run may take at the end."`

	MetricsListen  string   `name:"metrics-listen" env:"CONSENTRY_METRICS_LISTEN" default:"${metrics_listen}" placeholder:"HOST:PORT" help:"Where this process shows metrics and its health in detail, for the vendor's own network only."`
	TrustedProxies []string `name:"trusted-proxies" env:"CONSENTRY_TRUSTED_PROXIES" placeholder:"NETWORK" help:"Networks of the reverse proxies whose X-Forwarded-For is believed, for example 10.0.0.0/8; none when empty."`

	Cloud            string `name:"cloud" env:"CONSENTRY_CLOUD" default:"global" help:"Microsoft cloud: global, usgov, usgov-dod, china, or custom with the three addresses below."`
	Authority        string `name:"authority" env:"CONSENTRY_AUTHORITY" placeholder:"URL" help:"Custom cloud: where tokens are asked for (https)."`
	BrowserAuthority string `name:"browser-authority" env:"CONSENTRY_BROWSER_AUTHORITY" placeholder:"URL" help:"Custom cloud: where browsers are sent to sign in; the authority when empty."`
	GraphURL         string `name:"graph-url" env:"CONSENTRY_GRAPH_URL" placeholder:"URL" help:"Custom cloud: Microsoft Graph with its version, for example https://graph.microsoft.com/v1.0"`
	CAFile           string `name:"ca-file" env:"CONSENTRY_CA_FILE" placeholder:"FILE" help:"Further certificate authorities to trust for Microsoft's addresses (PEM)."`

	ConsoleIssuer     string `name:"console-issuer" env:"CONSENTRY_CONSOLE_ISSUER" needed:"" placeholder:"URL" help:"OIDC issuer that signs people in to the console: the vendor's own identity provider. Required."`
	ConsoleClientID   string `name:"console-client-id" env:"CONSENTRY_CONSOLE_CLIENT_ID" needed:"" placeholder:"ID" help:"The console's application there. Required."`
	ConsoleSecretFile string `name:"console-secret-file" env:"CONSENTRY_CONSOLE_SECRET_FILE" needed:"" secret:"" placeholder:"FILE" help:"File that holds its client secret. Required."`

	Regions          []string      `name:"regions" env:"CONSENTRY_REGIONS" default:"eu" help:"Regions that are served: the worker looks for their due synchronizations, and accounts, campaigns and cells of others are refused. The same for every process."`
	SweepEvery       time.Duration `name:"sweep-every" env:"CONSENTRY_SWEEP_EVERY" default:"1m" help:"How often it looks."`
	DeletionWait     time.Duration `name:"deletion-wait" env:"CONSENTRY_DELETION_WAIT" default:"720h" help:"How long after the request an account is deleted; until then it can be withdrawn."`
	EvidenceFor      time.Duration `name:"evidence-for" env:"CONSENTRY_EVIDENCE_FOR" default:"17520h" help:"How long the evidence of consents and the audit of an account are kept after it left."`
	PayloadKeyPeriod time.Duration `name:"payload-key-period" env:"CONSENTRY_PAYLOAD_KEY_PERIOD" default:"2160h" help:"How long one key encrypts payloads for Temporal before the next takes over."`
	TemporalAddress  string        `name:"temporal-address" env:"TEMPORAL_ADDRESS" placeholder:"HOST:PORT" help:"Temporal's frontend. Namespace, TLS and keys come from TEMPORAL_NAMESPACE, TEMPORAL_TLS… and TEMPORAL_API_KEY."`
	TemporalUI       string        `name:"temporal-ui" env:"CONSENTRY_TEMPORAL_UI" placeholder:"URL" help:"Address of the Temporal UI. Its origin alone may have payloads decrypted by a signed-in operator's browser."`
	TemporalDoor     string        `name:"temporal-door" env:"CONSENTRY_TEMPORAL_DOOR" placeholder:"URL" help:"Address of the Temporal UI behind a proxy that asks this process whom to let in, on a host name of its own; none when empty."`
	LogLevel         string        `name:"log-level" env:"CONSENTRY_LOG_LEVEL" default:"info" help:"What is logged: debug, info, warn or error."`
	LogFormat        string        `name:"log-format" env:"CONSENTRY_LOG_FORMAT" default:"json" help:"How it is logged: json, one object a line, or human, for whoever reads along."`
}

func (c *Config) schedules() engine.Schedules {
	s := engine.DefaultSchedules()
	s.SweepEvery = c.SweepEvery
	return s
}

// trustedProxies reads the networks of --trusted-proxies.
func (c *Config) trustedProxies() ([]*net.IPNet, error) {
	var networks []*net.IPNet
	for _, text := range c.TrustedProxies {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxies has %q: give networks such as 10.0.0.0/8, and a single machine as 10.0.0.7/32", text)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// secretFile reads a one-line secret.
func secretFile(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// rootCAs are the machine's authorities plus those of the CA file; nil means the
// machine's alone.
func (c *Config) rootCAs() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read --ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-file %s holds no PEM certificate", c.CAFile)
	}
	return pool, nil
}
