package emulator

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

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

// Asked is something that was asked for and is not emulated.
type Asked struct {
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Times  int       `json:"times"`
	Last   time.Time `json:"last"`
}

// keptAsked bounds how many different ones are remembered.
const keptAsked = 500

// requestBook keeps the last requests, and what among all of them is not emulated.
type requestBook struct {
	mu    sync.Mutex
	last  []Request
	asked map[string]*Asked
}

func (b *requestBook) add(r Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.last) == keptRequests {
		b.last = slices.Delete(b.last, 0, keptRequests/4)
	}
	b.last = append(b.last, r)
	if !r.Unknown {
		return
	}
	name := r.Method + " " + r.Path
	known := b.asked[name]
	if known == nil {
		if len(b.asked) == keptAsked {
			return
		}
		if b.asked == nil {
			b.asked = map[string]*Asked{}
		}
		known = &Asked{Method: r.Method, Path: r.Path}
		b.asked[name] = known
	}
	known.Times, known.Last = known.Times+1, r.At
}

// AskedFor lists what was asked for and is not emulated, the latest first.
func (s *Server) AskedFor() []Asked {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	all := []Asked{}
	for _, a := range s.requests.asked {
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b Asked) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return all
}

// Requests lists the last requests, newest first.
func (s *Server) Requests() []Request {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	last := slices.Clone(s.requests.last)
	slices.Reverse(last)
	return last
}
