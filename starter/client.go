package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// connection is how the API is reached.
type connection struct {
	API       string        `name:"api" env:"CONSENTRY_API" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Address of Consentry."`
	TokenFile string        `name:"token-file" env:"CONSENTRY_TOKEN_FILE" placeholder:"FILE" help:"File that holds the bearer token; otherwise CONSENTRY_TOKEN. There is no flag for the token itself: other people of the machine see command lines."`
	Token     string        `kong:"-"`
	CAFile    string        `name:"api-ca-file" env:"CONSENTRY_API_CA_FILE" placeholder:"FILE" help:"Further certificate authorities to trust for that address (PEM)."`
	Timeout   time.Duration `name:"timeout" default:"1m" help:"How long one request may take."`
}

// client calls the API.
type client struct {
	base  *url.URL
	token string
	http  *http.Client
}

func (c *connection) connect() (*client, error) {
	base, err := url.Parse(strings.TrimSuffix(c.API, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, usage(fmt.Sprintf("--api is %q: give a full address such as https://consentry.example.com", c.API))
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) {
		return nil, usage("--api is a plain http address of another machine: everybody on the way would read the token. Use https")
	}
	token := strings.TrimSpace(os.Getenv("CONSENTRY_TOKEN"))
	if c.TokenFile != "" {
		b, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, usage("--token-file cannot be read: " + reasonOf(err))
		}
		token = strings.TrimSpace(string(b))
	}
	if token == "" {
		return nil, &failure{exit: exitNotAllowed, code: "no-token", sentence: "No bearer token: name its file with --token-file or CONSENTRY_TOKEN_FILE, or set CONSENTRY_TOKEN."}
	}
	if strings.ContainsAny(token, " \t\r\n") {
		return nil, usage("the token file holds more than one word; it must hold the token alone")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, usage("--api-ca-file cannot be read: " + reasonOf(err))
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, usage("--api-ca-file holds no PEM certificate")
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	return &client{base: base, token: token, http: &http.Client{
		Transport: transport, Timeout: c.Timeout,
		// The API redirects nobody; whoever does is not it, and gets no token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// reasonOf leaves out the path that the person has just typed.
func reasonOf(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Path + ": " + p.Err.Error()
	}
	return err.Error()
}

// document is an answer as it came, for --json, which adds nothing to it.
type document = json.RawMessage

func (c *client) get(ctx context.Context, path string, into any) (document, error) {
	return c.call(ctx, request{method: http.MethodGet, path: path}, into)
}

// request is one call. A body that is a reader is sent as it is.
type request struct {
	method, path string
	body         any
	key          string // Idempotency-Key: the call may be sent again
}

// repeats is how often a call that may be repeated is sent when its answer is
// lost on the way.
const repeats = 3

// call sends a request and decodes its answer. Reading, and whatever carries an
// idempotency key, is sent again when the connection broke before an answer.
func (c *client) call(ctx context.Context, r request, into any) (doc document, err error) {
	var body []byte
	switch b := r.body.(type) {
	case nil:
	case []byte:
		body = b
	default:
		if body, err = json.Marshal(b); err != nil {
			return nil, err
		}
	}
	tries := 1
	if r.method == http.MethodGet || r.key != "" {
		tries = repeats
	}
	var status int
	for try := 1; ; try++ {
		status, doc, err = c.once(ctx, r, body)
		if f, ok := errors.AsType[*failure](err); !ok || f.code != "connection-lost" || try == tries {
			break
		}
	}
	if err == nil && into != nil {
		if err = json.Unmarshal(doc, into); err != nil {
			err = c.stranger(status, "its answer is not what was expected")
		}
	}
	return doc, err
}

// answerMax bounds what is read of an answer.
const answerMax = 64 << 20

func (c *client) once(ctx context.Context, r request, body []byte) (int, document, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base.String()+"/api/v1"+r.path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, usage("the address " + r.path + " cannot be asked for: " + err.Error())
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "consentry")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, c.unreached(ctx, err)
	}
	defer res.Body.Close()
	doc, err := io.ReadAll(io.LimitReader(res.Body, answerMax))
	if err != nil {
		return 0, nil, c.unreached(ctx, err)
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case kind == "application/problem+json":
		return res.StatusCode, nil, c.refusal(res.StatusCode, doc)
	case res.StatusCode >= 500 && exitOf(res.StatusCode) == exitUnavailable: // a proxy in front of it
		return res.StatusCode, nil, &failure{exit: exitUnavailable, code: "unavailable", sentence: fmt.Sprintf("%s does not answer at the moment (status %d). Try again.", c.base, res.StatusCode)}
	case kind != "application/json" && res.StatusCode != http.StatusNoContent:
		return res.StatusCode, nil, c.stranger(res.StatusCode, "it answered "+or(kind, "nothing"))
	case res.StatusCode >= 300:
		return res.StatusCode, nil, c.stranger(res.StatusCode, "that is no answer of the API")
	}
	return res.StatusCode, doc, nil
}

// refusal reads a problem of the API (RFC 9457).
func (c *client) refusal(status int, doc []byte) error {
	var p struct {
		Detail        string         `json:"detail"`
		Code          string         `json:"code"`
		Errors        []fieldProblem `json:"errors"`
		CorrelationID string         `json:"correlationId"`
	}
	if err := json.Unmarshal(doc, &p); err != nil || p.Detail == "" {
		return c.stranger(status, "its refusal cannot be read")
	}
	return &failure{exit: exitOf(status), code: p.Code, sentence: p.Detail, fields: p.Errors, correlation: p.CorrelationID}
}

func (c *client) stranger(status int, what string) error {
	return &failure{exit: exitFault, code: "not-the-api", sentence: fmt.Sprintf("%s does not answer like Consentry's API (status %d; %s). Check --api.", c.base, status, what)}
}

// unreached words a request that got no answer.
func (c *client) unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Canceled
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &failure{exit: exitFault, code: "tls", sentence: fmt.Sprintf("The certificate of %s is not trusted: %v. If the address is right, name its certificate authority with --api-ca-file.", c.base, cert.Err)}
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return &failure{exit: exitFault, code: "tls", sentence: fmt.Sprintf("%s does not speak TLS. Check --api.", c.base)}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return &failure{exit: exitUnavailable, code: "too-slow", sentence: fmt.Sprintf("%s did not answer within %s. What was sent may have been done; look before you repeat it.", c.base, c.http.Timeout)}
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return &failure{exit: exitUnavailable, code: "unreachable", sentence: fmt.Sprintf("%s cannot be reached: %v. Check --api and the network, and try again.", c.base, innermost(err))}
	}
	return &failure{exit: exitUnavailable, code: "connection-lost", sentence: fmt.Sprintf("The connection to %s broke before an answer came: %v. What was sent may have been done; look before you repeat it.", c.base, innermost(err))}
}

// innermost leaves out what the address in the sentence says already.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func or(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

func decode(doc document, into any) error { return json.Unmarshal(doc, into) }
