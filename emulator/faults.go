package emulator

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"consentry/emulator/directory"
)

// Fault makes matching requests fail. Empty fields match everything.
type Fault struct {
	ID       string `json:"id,omitempty"`
	TenantID string `json:"tenantId,omitempty"`
	AppID    string `json:"appId,omitempty"`
	// PathPrefix is compared with the path, and with the path after its tenant: /oauth2/v2.0/token, /v1.0/users/delta.
	PathPrefix  string `json:"pathPrefix,omitempty"`
	Status      int    `json:"status,omitempty"`
	RetryAfter  string `json:"retryAfter,omitempty"`  // seconds, as many as you like; or any text
	RetryOnDate bool   `json:"retryOnDate,omitempty"` // write the seconds of RetryAfter as a date
	Body        string `json:"body,omitempty"`        // "{}", for instance
	ContentType string `json:"contentType,omitempty"`
	HTML        bool   `json:"html,omitempty"`      // the page of a gateway that stands before the service
	Remaining   int    `json:"remaining,omitempty"` // requests to hit; 0 means one, -1 until cleared
	Drop        bool   `json:"drop,omitempty"`      // reset the connection instead of answering
	// The answer, by itself the usual one, begins late, arrives in pieces over a time, or breaks off after so many bytes.
	Delay   Duration `json:"delay,omitzero"`
	Trickle Duration `json:"trickle,omitzero"`
	Cut     int      `json:"cut,omitempty"`
	// Of Graph alone: it has not heard of the changes of so long; delta queries come with quirks, or start over.
	Lag   Duration     `json:"lag,omitzero"`
	Delta *DeltaQuirks `json:"delta,omitempty"`
	Gone  bool         `json:"gone,omitempty"`
	// Of the sign-in service alone: a refusal by its number, tokens that carry no roles, a clock that is off.
	AADSTS       int      `json:"aadsts,omitempty"`
	WithoutRoles bool     `json:"withoutRoles,omitempty"`
	ClockSkew    Duration `json:"clockSkew,omitzero"`
}

// faultBook holds the faults in force. They are not state: a restart forgets them.
type faultBook struct {
	mu     sync.Mutex
	faults []Fault
	made   int
}

// checkFault refuses a fault that could never strike, or not as it says.
func (s *Server) checkFault(f *Fault) error {
	if err := firstFlaw("the fault", f.flaws()); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if f.TenantID != "" && s.world.tenant(f.TenantID) == nil {
		return &directory.NotFoundError{ID: f.TenantID}
	}
	if f.AppID != "" && s.world.app(f.AppID) == nil {
		return &directory.NotFoundError{ID: f.AppID}
	}
	return nil
}

// SetFault adds a fault, or replaces the one of the same id, and returns its id.
// The tenant may be named by id or domain.
func (s *Server) SetFault(f Fault) string {
	s.mu.RLock()
	if t := s.world.tenant(f.TenantID); t != nil {
		f.TenantID = t.ID
	}
	s.mu.RUnlock()
	b := &s.faults
	b.mu.Lock()
	defer b.mu.Unlock()
	if f.Remaining == 0 {
		f.Remaining = 1
	}
	if f.ID == "" {
		b.made++
		f.ID = "fault-" + strconv.Itoa(b.made)
	}
	b.faults = slices.DeleteFunc(b.faults, func(o Fault) bool { return o.ID == f.ID })
	b.faults = append(b.faults, f)
	return f.ID
}

// ClearFault ends one fault.
func (s *Server) ClearFault(id string) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.faults = slices.DeleteFunc(s.faults.faults, func(f Fault) bool { return f.ID == id })
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.faults = nil
}

// Faults lists the faults in force.
func (s *Server) Faults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return slices.Clone(s.faults.faults)
}

func (f *Fault) hits(c *call) bool {
	if f.TenantID != "" && !strings.EqualFold(f.TenantID, c.entry.TenantID) || f.AppID != "" && !strings.EqualFold(f.AppID, c.entry.AppID) {
		return false
	}
	path := c.URL.Path
	_, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return strings.HasPrefix(path, f.PathPrefix) || strings.HasPrefix("/"+rest, f.PathPrefix)
}

// take finds the first fault that matches a request and counts it as used.
func (b *faultBook) take(c *call) *Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.faults, func(f Fault) bool { return !f.shapesTokens() && f.hits(c) })
	if at < 0 {
		return nil
	}
	f := b.faults[at]
	if b.faults[at].Remaining > 0 {
		if b.faults[at].Remaining--; b.faults[at].Remaining == 0 {
			b.faults = slices.Delete(b.faults, at, at+1)
		}
	}
	return &f
}

// strike lets a fault, if there is one, happen to the call.
func (c *call) strike(f *Fault) {
	if c.fault = f; f != nil {
		c.entry.Code = "fault " + f.ID
		c.replica.Lag += f.Lag
	}
}

// replaces tells whether the request is answered by the fault alone.
func (f *Fault) replaces() bool {
	if f == nil {
		return false
	}
	return f.answers() || !f.shapes()
}

func (f *Fault) answers() bool {
	return f.Status != 0 || f.Drop || f.Body != "" || f.RetryAfter != "" || f.HTML
}

func (f *Fault) shapes() bool {
	return f.Delay != 0 || f.Trickle != 0 || f.Cut != 0 || f.Lag != 0 || f.Delta != nil || f.Gone
}

func (f *Fault) quirks() *DeltaQuirks {
	if f == nil {
		return nil
	}
	return f.Delta
}

// reply is what the fault says in place of the service.
func (f *Fault) reply(c *call) reply {
	r := reply{status: or(f.Status, http.StatusServiceUnavailable), header: http.Header{}, body: []byte(f.Body)}
	r.header.Set("request-id", c.id)
	if f.RetryAfter != "" {
		after := f.RetryAfter
		if seconds, err := strconv.ParseFloat(after, 64); err == nil && f.RetryOnDate {
			r.header.Set("Date", c.entry.At.Format(http.TimeFormat))
			after = c.entry.At.Add(time.Duration(seconds * float64(time.Second))).Format(http.TimeFormat)
		}
		r.header.Set("Retry-After", after)
	}
	contentType := "application/json"
	switch {
	case f.HTML:
		contentType = "text/html"
		if f.Body == "" {
			text := strconv.Itoa(r.status) + " " + http.StatusText(r.status)
			r.body = []byte("<html>\r\n<head><title>" + text + "</title></head>\r\n<body><center><h1>" + text + "</h1></center></body>\r\n</html>\r\n")
		}
	case f.Body == "" && f.ContentType == "" && isGraph(c.URL.Path):
		graphFault(c, &r)
	}
	r.header.Set("Content-Type", or(f.ContentType, contentType))
	return r
}

// answerFault sends a fault in place of an answer.
func answerFault(w http.ResponseWriter, c *call) {
	f := c.fault
	if f.Drop {
		if pause(c.Context(), time.Duration(f.Delay)) {
			reset(w)
		}
		return
	}
	r := f.reply(c)
	maps.Copy(w.Header(), r.header)
	if len(r.body) == 0 && f.ContentType == "" { // the sign-in service's own form
		code, refused := c.entry.Code, aadsts(90033)
		if r.status == http.StatusTooManyRequests {
			refused = aadsts(90055)
		}
		refused.status = r.status
		writeAuthError(w, c, refused)
		c.entry.Code = code
		return
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body)
}

// reset ends the connection the hard way, as a device between here and there would.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 has no connection to take over
	}
	below := conn
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		below = secure.NetConn()
	}
	if tcp, ok := below.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = below.Close()
}

// heldAnswer keeps an answer back, to be sent in the way a fault says.
type heldAnswer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) WriteHeader(status int) { h.status = or(h.status, status) }

func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }

// disturbs tells whether an answer is sent in an unusual way.
func (f *Fault) disturbs() bool {
	return f != nil && !f.Drop && (f.Delay != 0 || f.Trickle != 0 || f.Cut != 0)
}

// pieces is in how many parts a slow answer arrives.
const pieces = 10

// send sends the answer late, slowly or in part. It ends when the client goes away.
func (h *heldAnswer) send(ctx context.Context, f *Fault) {
	if !pause(ctx, time.Duration(f.Delay)) {
		return
	}
	body := h.body.Bytes()
	h.Header().Set("Content-Length", strconv.Itoa(len(body)))
	h.ResponseWriter.WriteHeader(or(h.status, http.StatusOK))
	cut := f.Cut > 0 && f.Cut < len(body)
	if cut {
		body = body[:f.Cut]
	}
	controller := http.NewResponseController(h.ResponseWriter)
	each := len(body)
	if f.Trickle > 0 {
		each = len(body)/pieces + 1
	}
	for part := range slices.Chunk(body, max(1, each)) {
		if _, err := h.ResponseWriter.Write(part); err != nil || controller.Flush() != nil || !pause(ctx, time.Duration(f.Trickle)/pieces) {
			return
		}
	}
	if cut {
		reset(h.ResponseWriter)
	}
}

func pause(ctx context.Context, long time.Duration) bool {
	if long <= 0 {
		return true
	}
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
