package emulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault makes matching requests fail. Empty fields match everything.
type Fault struct {
	ID       string `json:"id,omitempty"`
	TenantID string `json:"tenantId,omitempty"`
	AppID    string `json:"appId,omitempty"`
	// PathPrefix is compared with the path, and with the path after its tenant: /oauth2/v2.0/token, /v1.0/users/delta.
	PathPrefix  string `json:"pathPrefix,omitempty"`
	Status      int    `json:"status,omitempty"`
	RetryAfter  string `json:"retryAfter,omitempty"`
	Body        string `json:"body,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	Remaining   int    `json:"remaining,omitempty"` // requests to hit; 0 means one, -1 until cleared
	Drop        bool   `json:"drop,omitempty"`      // reset the connection instead of answering
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

// SetFault adds a fault, or replaces the one of the same id, and returns its id.
func (s *Server) SetFault(f Fault) string {
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

// strike answers a request with the first fault that matches it.
func (b *faultBook) strike(w http.ResponseWriter, c *call) bool {
	b.mu.Lock()
	at := slices.IndexFunc(b.faults, func(f Fault) bool { return !f.shapesTokens() && f.hits(c) })
	if at < 0 {
		b.mu.Unlock()
		return false
	}
	f := b.faults[at]
	if b.faults[at].Remaining > 0 {
		if b.faults[at].Remaining--; b.faults[at].Remaining == 0 {
			b.faults = slices.Delete(b.faults, at, at+1)
		}
	}
	b.mu.Unlock()
	c.entry.Code = "fault " + f.ID
	if f.Drop {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
			return true
		}
		panic(http.ErrAbortHandler) // HTTP/2 has no connection to take over
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Status == 0 {
		f.Status = http.StatusServiceUnavailable
	}
	body, contentType := f.Body, f.ContentType
	if contentType == "" {
		contentType = "application/json"
		if body == "" && isGraph(c.URL.Path) {
			body = graphErrorBody(c, faultCode(f.Status), "Emulated fault.", c.entry.At)
		} else if body == "" {
			code := c.entry.Code
			writeAuthError(w, c, &authError{code: 90033, status: f.Status, name: "temporarily_unavailable",
				text: "A transient error has occurred. Please try again."})
			c.entry.Code = code
			return true
		}
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("request-id", c.id)
	w.WriteHeader(f.Status)
	_, _ = w.Write([]byte(body))
	return true
}

func isGraph(path string) bool {
	return strings.HasPrefix(path, "/v1.0/") || strings.HasPrefix(path, "/beta/")
}

func faultCode(status int) string {
	switch status {
	case http.StatusTooManyRequests:
		return "TooManyRequests"
	case http.StatusServiceUnavailable:
		return "serviceNotAvailable"
	default:
		return "UnknownError"
	}
}

// Request is one entry of the list of last requests.
type Request struct {
	At       time.Time `json:"at"`
	ID       string    `json:"id"`
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	TenantID string    `json:"tenantId,omitempty"`
	AppID    string    `json:"appId,omitempty"`
	Status   int       `json:"status"`
	Code     string    `json:"code,omitempty"`    // AADSTS number, Graph error code or fault
	Unknown  bool      `json:"unknown,omitempty"` // asked for, not emulated
}

const keptRequests = 500

// requestBook keeps the last requests.
type requestBook struct {
	mu   sync.Mutex
	last []Request
}

func (b *requestBook) add(r Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.last) == keptRequests {
		b.last = slices.Delete(b.last, 0, keptRequests/4)
	}
	b.last = append(b.last, r)
}

// Requests lists the last requests, newest first.
func (s *Server) Requests() []Request {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	last := slices.Clone(s.requests.last)
	slices.Reverse(last)
	return last
}
