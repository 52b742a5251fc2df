package entra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// trail holds what is known of the last exchange that one call of this package made. Some faults show only after
// an answer was taken for a success: a body that breaks off, a document with nothing in it, an id token that does
// not stand up. Microsoft's support can find these requests too, but only by their identifiers.
type trail struct {
	mu                     sync.Mutex // guards the rest; a call may be abandoned while its exchange goes on
	requestID, correlation string
	broken                 *Error // how the body of the last answer ended early
}

type trailKey struct{}

// traced gives ctx a trail, unless it has one.
func traced(ctx context.Context) context.Context {
	if trailOf(ctx) != nil {
		return ctx
	}
	return context.WithValue(ctx, trailKey{}, new(trail))
}

func trailOf(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

// exchanged notes an exchange; response is nil when there was no answer.
func (t *trail) exchanged(request *http.Request, response *http.Response) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requestID, t.correlation, t.broken = "", identifier(request.Header.Get(correlationHeader)), nil
	if response != nil {
		t.requestID = requestID(response)
	}
}

func (t *trail) brokeOff(e *Error) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = e
}

// ending is how the last body ended early, or nil. Some libraries keep only the words of an error.
func (t *trail) ending() *Error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.broken
}

// named gives e the identifiers of the last exchange if it has none of its own.
func (t *trail) named(e *Error) *Error {
	if t == nil || e.RequestID != "" || e.CorrelationID != "" {
		return e
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	with := *e
	with.RequestID, with.CorrelationID = t.requestID, t.correlation
	return &with
}

// maxAnswer is many times the largest page that Graph sends. What stands between us and Microsoft may send
// anything, and libraries read bodies whole.
const maxAnswer = 64 << 20

// body is the body of a success. A connection that breaks while it is read is an outage like one that breaks
// before.
type body struct {
	io.ReadCloser
	request  *http.Request
	response *http.Response
	left     int64
}

func (b *body) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		return n, b.ended(Unexpected, errors.New("the answer is longer than any that Microsoft sends"))
	case err == nil, errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return n, err
	case b.request.Context().Err() != nil:
		return n, err // the caller left
	}
	return n, b.ended(Unavailable, fmt.Errorf("the answer broke off: %w", err))
}

func (b *body) ended(kind Kind, cause error) error {
	e := &Error{
		Kind: kind, HTTPStatus: b.response.StatusCode, RequestID: requestID(b.response),
		CorrelationID: identifier(b.request.Header.Get(correlationHeader)), err: cause,
	}
	trailOf(b.request.Context()).brokeOff(e)
	return e
}
