package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"
)

// connection is how the API is reached.
type connection struct {
	API       string        `name:"api" env:"CONSENTRY_API" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Address of Consentry."`
	TokenFile string        `name:"token-file" env:"CONSENTRY_TOKEN_FILE" placeholder:"FILE" help:"File that holds the bearer token; otherwise CONSENTRY_TOKEN. There is no flag for the token itself: other people of the machine see command lines."`
	Token     string        `kong:"-"`
	CAFile    string        `name:"api-ca-file" env:"CONSENTRY_API_CA_FILE" placeholder:"FILE" help:"Further certificate authorities to trust for that address (PEM)."`
	Timeout   time.Duration `name:"timeout" default:"1m" help:"How long one request may take."`
}

// connect makes a client of the settings, or says everything that is wrong with
// them.
func (c *connection) connect() (*client, error) {
	var wrong mistakes
	made := &client{base: wrong.address(c.API), token: strings.TrimSpace(os.Getenv("CONSENTRY_TOKEN"))}
	if c.TokenFile != "" {
		made.token = wrong.tokenOf(c.TokenFile, made)
	}
	if strings.ContainsFunc(made.token, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' }) {
		wrong.add("the token", "", "more than one word, or signs that no token has: the file, or CONSENTRY_TOKEN, must hold the token alone")
	}
	if c.Timeout <= 0 {
		wrong.add("--timeout", c.Timeout.String(), "no time to wait: give for example 30s or 5m")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: wrong.authorities(c.CAFile)}
	if err := wrong.failure(); err != nil {
		return nil, err
	}
	if made.token == "" {
		return nil, &failure{exit: exitNotAllowed, code: "no-token", sentence: "No bearer token: name its file with --token-file or CONSENTRY_TOKEN_FILE, or set CONSENTRY_TOKEN."}
	}
	made.http = &http.Client{
		Transport: transport, Timeout: c.Timeout,
		// The API redirects nobody; whoever does is not it, and gets no token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return made, nil
}

// address reads where Consentry is. What cannot be an address is not repeated
// when there may be a password in it.
func (m *mistakes) address(text string) *url.URL {
	text = strings.TrimRight(strings.TrimSpace(text), "/")
	shown := text
	if strings.Contains(text, "@") {
		shown = "" // there may be a password in it
	}
	refuse := func(message string) { m.add("--api", shown, message) }
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		remedy := "https://consentry.example.com"
		if with, err := url.Parse("https://" + text); err == nil && !strings.Contains(text, "://") && with.Hostname() != "" && shown != "" {
			remedy = "https://" + with.Host
		}
		refuse("no full address: write it with its scheme, such as " + remedy)
	case u.User != nil:
		refuse("there is a user in it: leave that out, the token says who asks")
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		refuse("there is more in it than an address: write " + u.Scheme + "://" + u.Host + " alone; the commands know the rest")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		refuse("a plain http address of another machine: everybody on the way would read the token. Use https")
	}
	return u
}

// tokenOf reads the token's file.
func (m *mistakes) tokenOf(path string, of *client) string {
	b, err := os.ReadFile(path)
	if err != nil {
		m.add("--token-file", "", unreadable(err)+" (--token-file or CONSENTRY_TOKEN_FILE)")
		return ""
	}
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
		of.readable = path
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		m.add("--token-file", path, "empty: write the token into it")
	}
	return token
}

// authorities are the machine's and those of a file; nil: the machine's alone.
func (m *mistakes) authorities(path string) *x509.CertPool {
	if path == "" {
		return nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		m.add("--api-ca-file", "", unreadable(err)+" (--api-ca-file or CONSENTRY_API_CA_FILE)")
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		m.add("--api-ca-file", path, "no PEM certificate in it")
	}
	return pool
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// skewMax is how far two clocks may be apart before it is said.
const skewMax = 2 * time.Minute

// observe compares the clocks by an answer's Date.
func (c *client) observe(h http.Header) {
	if there, err := http.ParseTime(h.Get("Date")); err == nil {
		c.skew = time.Since(there).Round(time.Second)
	}
}

// now is the time there, as the last answer said it.
func (c *client) now() time.Time { return time.Now().Add(-c.skew) }

// remark says what is not as it should be and hindered nothing.
func (c *client) remark(note func(format string, args ...any)) {
	if c.readable != "" {
		note("consentry: everybody on this machine may read the token in %s: chmod 600 it.", c.readable)
	}
	if c.skew > skewMax || c.skew < -skewMax {
		note("consentry: the clock of this machine and that of %s are %s apart; durations such as --for 12h are counted by this one, so set it right.", c.base, c.skew.Abs())
	}
}

// untrusted words a certificate that is refused. Each reason has another remedy.
func (c *client) untrusted(err *tls.CertificateVerificationError) error {
	remedy := "If the address is right, name its certificate authority with --api-ca-file."
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err.Err, &name):
		remedy = "Write --api with the name that the certificate is for, or have it made for this one; --api-ca-file mends nothing here."
	case errors.As(err.Err, &invalid) && invalid.Reason == x509.Expired:
		remedy = fmt.Sprintf("Have the server's certificate renewed; if it is good, the clock of this machine is wrong, which says %s.", moment{time.Now()})
	}
	return &failure{exit: exitFault, code: "tls", sentence: fmt.Sprintf("The certificate of %s is not trusted: %v. %s", c.base, err.Err, remedy)}
}
