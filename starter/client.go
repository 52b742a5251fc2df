package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// client calls the API.
type client struct {
	base     *url.URL
	token    string
	http     *http.Client
	readable string        // the token's file, where everybody may read it
	skew     time.Duration // of this machine's clock, as the last answer says
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
	key          string              // Idempotency-Key: the call may be sent again
	given        map[string]argument // by the API's names of fields
	after        aftermath
	sent         *atomic.Bool // some of it was written, by this try or an earlier one
}

// aftermath is what whoever sent a request can do when no answer came.
type aftermath struct {
	look string // the command that shows whether it was done
	safe string // why the command may be repeated all the same; "": it is not known to be harmless
}

const answersTheSame = "asking again answers the same"

// lost says what may have become of a request that was sent and not answered.
func (r request) lost() string {
	switch {
	case r.method == http.MethodGet:
		return "Nothing was to be changed; try again."
	case !r.sent.Load():
		return "Nothing was sent; try again."
	}
	said := "What was sent may have been done"
	if r.after.look != "" {
		said += ": `consentry " + r.after.look + "` shows whether it was"
	}
	if r.after.safe == "" {
		return said + ". Look before you repeat it."
	}
	return said + ". The command can safely be repeated: " + r.after.safe + "."
}

// connectionLost is the code of a request that may have arrived although no
// answer to it did.
const connectionLost = "connection-lost"

// argument is what was typed for a field of the API.
type argument struct{ name, value string }

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
	// The transport, too, sends again what has a key, and tells the last fault
	// alone: only what was written says whether something may have arrived.
	r.sent = &atomic.Bool{}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { r.sent.Store(true) }})
	tries := 1
	if r.method == http.MethodGet || r.key != "" {
		tries = repeats
	}
	var status int
	for try := 1; ; try++ {
		status, doc, err = c.once(ctx, r, body)
		if f, ok := errors.AsType[*failure](err); !ok || f.code != connectionLost || try == tries {
			break
		}
	}
	if f, ok := errors.AsType[*failure](err); ok {
		f.typed(r.given)
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
		return 0, nil, usage("the address", r.path, "it cannot be asked for: "+err.Error())
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
		return 0, nil, c.unreached(ctx, r, err)
	}
	defer res.Body.Close()
	c.observe(res.Header)
	doc, err := io.ReadAll(io.LimitReader(res.Body, answerMax))
	if err != nil {
		return 0, nil, c.unreached(ctx, r, err)
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case kind == "application/problem+json":
		return res.StatusCode, nil, c.refusal(res.StatusCode, doc)
	case exitOf(res.StatusCode) == exitUnavailable: // a proxy in front of it
		next := "Try again."
		if res.StatusCode != http.StatusTooManyRequests && r.method != http.MethodGet { // which may have passed it on
			next = r.lost()
		}
		return res.StatusCode, nil, &failure{exit: exitUnavailable, code: "unavailable", sentence: fmt.Sprintf("%s does not answer at the moment (status %d). %s", c.base, res.StatusCode, next)}
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
func (c *client) unreached(ctx context.Context, r request, err error) error {
	if ctx.Err() != nil {
		return context.Canceled
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return c.untrusted(cert)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return &failure{exit: exitFault, code: "tls", sentence: fmt.Sprintf("%s does not speak TLS. Check --api.", c.base)}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return &failure{exit: exitUnavailable, code: "too-slow", sentence: fmt.Sprintf("%s did not answer within %s (--timeout). %s", c.base, c.http.Timeout, r.lost())}
	}
	if _, ok := errors.AsType[*net.OpError](err); ok && !r.sent.Load() {
		return &failure{exit: exitUnavailable, code: "unreachable", sentence: fmt.Sprintf("%s cannot be reached: %v. Nothing was sent; check --api and the network, and try again.", c.base, innermost(err))}
	}
	return &failure{exit: exitUnavailable, code: connectionLost, sentence: fmt.Sprintf("The connection to %s broke before an answer came: %v. %s", c.base, innermost(err), r.lost())}
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
