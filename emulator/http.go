package emulator

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// call is one request with what both services need to answer it.
type call struct {
	*http.Request
	id          string // request-id or trace id
	correlation string // the caller's own id, echoed
	origin      string // scheme and host the caller used
	content     []byte // the body, inflated
	entry       *Request
	replica     Replica   // which copy of the service answers
	switches    *Switches // of the tenant
	fault       *Fault    // that happens to this call; nil for none
}

// Handler answers everything but the control API.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// browserHandler adds the control API, which is for this machine alone: pages of other origins cannot reach it, nor
// names that somebody pointed at the loopback address.
func (s *Server) browserHandler() http.Handler {
	control := http.NewCrossOriginProtection().Handler(http.StripPrefix("/__control", s.controlHandler()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.HasPrefix(r.URL.Path, "/__control/"):
			s.serve(w, r)
		case !isLoopback(hostOnly(r.Host)):
			http.Error(w, "the control API answers to loopback addresses only", http.StatusForbidden)
		default:
			control.ServeHTTP(w, r)
		}
	})
}

func hostOnly(hostport string) string {
	if i := strings.LastIndexByte(hostport, ':'); i > 0 && !strings.HasSuffix(hostport, "]") {
		hostport = hostport[:i]
	}
	return strings.Trim(hostport, "[]")
}

const maxBody = 4 << 20

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, id: uuid.NewString(), correlation: r.Header.Get("client-request-id"), origin: "http://" + r.Host}
	if r.TLS != nil {
		c.origin = "https://" + r.Host
	}
	if !isGUID(c.correlation) {
		c.correlation = uuid.NewString()
	}
	if !s.readBody(w, c) {
		return
	}
	c.entry = &Request{At: s.now(), Method: r.Method, Path: r.URL.Path, ID: c.id}
	w.Header().Set("Date", c.entry.At.Format(http.TimeFormat)) // of the same clock as everything in the answer
	s.identify(c)
	s.place(c)
	recorder := &statusRecorder{ResponseWriter: w}
	defer func() {
		c.entry.Status = recorder.status
		s.requests.add(*c.entry)
		s.logger.Debug("answered", zap.String("method", c.entry.Method), zap.String("path", c.entry.Path),
			zap.Int("status", recorder.status), zap.String("code", c.entry.Code))
	}()
	c.strike(s.faults.take(c))
	send := s.dispatch
	if c.fault.replaces() {
		send = answerFault
	}
	if !c.fault.disturbs() {
		send(recorder, c)
		return
	}
	held := &heldAnswer{ResponseWriter: recorder}
	send(held, c)
	held.send(r.Context(), c.fault)
}

func (s *Server) dispatch(w http.ResponseWriter, c *call) {
	first, _, _ := strings.Cut(strings.TrimPrefix(c.URL.Path, "/"), "/")
	switch first {
	case "":
		s.index(w, c)
	case "v1.0", "beta":
		s.graph(w, c)
	default:
		s.login(w, c)
	}
}

// readBody takes the request's body in, inflating it as Microsoft's client library sends it by default, and leaves it
// readable for the handlers.
func (s *Server) readBody(w http.ResponseWriter, c *call) bool {
	var body io.Reader = http.MaxBytesReader(w, c.Body, maxBody)
	if strings.EqualFold(c.Header.Get("Content-Encoding"), "gzip") {
		inflated, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, "the body is not gzip as its Content-Encoding says", http.StatusBadRequest)
			return false
		}
		body = io.LimitReader(inflated, maxBody)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, "the body could not be read", http.StatusBadRequest)
		return false
	}
	c.Body = io.NopCloser(bytes.NewReader(content))
	c.content = content
	return true
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *statusRecorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// identify notes which tenant and app a request is about, as far as it says so itself. Nothing is checked here: it
// serves faults and the list of last requests.
func (s *Server) identify(c *call) {
	if token, ok := bearer(c.Request); ok {
		claims := unverifiedClaims(token)
		c.entry.TenantID, _ = claims["tid"].(string)
		c.entry.AppID, _ = claims["appid"].(string)
		return
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(c.URL.Path, "/"), "/")
	s.mu.RLock()
	if t := s.world.tenant(first); t != nil {
		c.entry.TenantID = t.ID
	}
	s.mu.RUnlock()
	c.entry.AppID = c.URL.Query().Get("client_id")
	if c.entry.AppID == "" && c.Method == http.MethodPost {
		c.entry.AppID = clientID(c)
		if _, original, posted := s.original(c); posted { // by a page of ours
			c.entry.AppID = original.Get("client_id")
		}
	}
}
