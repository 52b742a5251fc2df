package emulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Config says where the emulator listens, keeps its state and how slow its replicas are. The zero value works.
type Config struct {
	StateDir     string           // keys and event log live here; "" keeps everything in memory
	HTTPSAddr    string           // for programs; default 127.0.0.1:0
	HTTPAddr     string           // for browsers and the control API, loopback only; default 127.0.0.1:0
	Hosts        []string         // more names that its certificate is good for, such as the real ones
	PublicURL    string           // how programs reach it and tokens name it; default: https and its address
	Now          func() time.Time // nil = time.Now
	ConsentDelay time.Duration    // until a consent's roles are in tokens and known to Graph
	KeyOverlap   time.Duration    // how long a token signing key is published after it was rolled; default 24 h
	KeyDelay     time.Duration    // until the token endpoint accepts an added key
	PageSize     int              // objects on a page of users or groups; default 200
	MemberPage   int              // entries of members@delta on a page; default 1000
	Replicas     []Replica        // copies of the service that lag behind; none = one that does not
	Choice       string           // RoundRobin (default) or Sticky
	Switches     Switches         // of tenants without their own
	ControlAddr  string           // loopback; default: the control API is served at HTTPAddr
	Logger       *zap.Logger      // nil = silent
}

func (c *Config) check() error {
	switch c.Choice {
	case "", RoundRobin, Sticky:
	default:
		return fmt.Errorf("a replica is chosen by %s or %s, not %q", RoundRobin, Sticky, c.Choice)
	}
	for _, r := range c.Replicas {
		if err := r.check(); err != nil {
			return err
		}
	}
	for _, host := range c.Hosts {
		if !isHost(host) {
			return fmt.Errorf("%q is not the name of a host", host)
		}
	}
	if c.PageSize < 0 || c.MemberPage < 0 || c.KeyOverlap < 0 {
		return fmt.Errorf("neither the sizes of pages nor the overlap of keys is negative: %d, %d, %s", c.PageSize, c.MemberPage, c.KeyOverlap)
	}
	if c.ConsentDelay < 0 || c.KeyDelay < 0 {
		return fmt.Errorf("neither the delay of consents nor that of keys is negative: %s, %s", c.ConsentDelay, c.KeyDelay)
	}
	return c.Switches.check()
}

// Server is a running emulator.
type Server struct {
	config   Config
	logger   *zap.Logger
	keys     *keyring
	stateDir *os.Root

	rolling sync.Mutex // one roll of the signing keys at a time

	mu    sync.RWMutex
	world *world
	log   *eventLog

	codes    codeBook
	replicas replicaSet
	faults   faultBook
	requests requestBook
	budgets  budgetBook
	signIns  signInBook

	listeners [3]net.Listener // HTTPS, HTTP, control if it has its own
	servers   [3]*http.Server
	running   sync.WaitGroup
}

// New opens the state and takes the ports, so that the URLs are known; Start begins to answer.
func New(config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if config.HTTPSAddr == "" {
		config.HTTPSAddr = "127.0.0.1:0"
	}
	if config.HTTPAddr == "" {
		config.HTTPAddr = "127.0.0.1:0"
	}
	if config.Now == nil {
		config.Now = time.Now //nolint:forbidigo // the clock of whoever gives none
	}
	if config.PageSize == 0 {
		config.PageSize = 200
	}
	if config.MemberPage == 0 {
		config.MemberPage = 1000
	}
	if config.KeyOverlap == 0 {
		config.KeyOverlap = 24 * time.Hour
	}
	s := &Server{config: config, logger: config.Logger, world: newWorld()}
	s.replicas.all, s.replicas.sticky = config.Replicas, config.Choice == Sticky
	if s.logger == nil {
		s.logger = zap.NewNop()
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Server) open() error {
	httpsHost, _, err := net.SplitHostPort(s.config.HTTPSAddr)
	if err != nil {
		return fmt.Errorf("the HTTPS address %q is not host:port: %w", s.config.HTTPSAddr, err)
	}
	for _, address := range []string{s.config.HTTPAddr, s.config.ControlAddr} {
		host, _, err := net.SplitHostPort(address)
		switch {
		case address == "":
		case err != nil:
			return fmt.Errorf("the address %q is not host:port: %w", address, err)
		case !isLoopback(host):
			return fmt.Errorf("%q is not a loopback address: pages without TLS and the control API, which has no password, are for this machine alone", address)
		}
	}
	if s.config.StateDir != "" {
		if err := os.MkdirAll(s.config.StateDir, 0o700); err != nil {
			return fmt.Errorf("make the emulator's state folder: %w", err)
		}
		if s.stateDir, err = os.OpenRoot(s.config.StateDir); err != nil {
			return fmt.Errorf("open the emulator's state folder: %w", err)
		}
		if s.log, err = openLog(s.stateDir, s.world.apply); err != nil {
			return err
		}
	}
	if s.keys, err = openKeyring(s.stateDir, append([]string{"localhost", "127.0.0.1", "::1", httpsHost}, s.config.Hosts...)); err != nil {
		return err
	}
	if err := s.keys.replay(s.world.rolls); err != nil {
		return err
	}
	for i, addr := range []string{s.config.HTTPSAddr, s.config.HTTPAddr, s.config.ControlAddr} {
		if addr == "" {
			continue
		}
		if s.listeners[i], err = net.Listen("tcp", addr); err != nil {
			return fmt.Errorf("the emulator cannot listen on %s: %w", addr, err)
		}
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// Start begins to answer on both addresses.
func (s *Server) Start() error {
	quiet, err := zap.NewStdLogAt(s.logger.Named("http"), zap.DebugLevel)
	if err != nil {
		quiet = log.Default()
	}
	browsers, control := s.browserHandler(), http.NotFoundHandler()
	if s.listeners[2] != nil {
		browsers, control = s.Handler(), browsers
	}
	for i, handler := range []http.Handler{s.Handler(), browsers, control} {
		if s.listeners[i] == nil {
			continue
		}
		s.servers[i] = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet}
		listener := s.listeners[i]
		if i == 0 {
			listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{s.keys.tls}, NextProtos: []string{"http/1.1"}})
		}
		s.running.Go(func() {
			if err := s.servers[i].Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				s.logger.Error("the emulator stopped answering", zap.Error(err))
			}
		})
	}
	s.logger.Info("the emulator answers", zap.String("https", s.HTTPSURL()), zap.String("http", s.HTTPURL()))
	return nil
}

// Close stops answering, waits for requests under way as long as ctx allows, and closes the log.
func (s *Server) Close(ctx context.Context) error {
	var problems []error
	for _, server := range s.servers {
		if server == nil {
			continue
		}
		if err := server.Shutdown(ctx); err != nil {
			problems = append(problems, err, server.Close())
		}
	}
	s.running.Wait()
	return errors.Join(append(problems, s.release())...)
}

func (s *Server) release() error {
	var problems []error
	for _, l := range s.listeners {
		if l != nil {
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				problems = append(problems, err)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	problems = append(problems, s.log.close())
	s.log = nil
	if s.stateDir != nil {
		problems = append(problems, s.stateDir.Close())
		s.stateDir = nil
	}
	return errors.Join(problems...)
}

// HTTPSURL is the authority and the Graph host for programs.
func (s *Server) HTTPSURL() string { return "https://" + s.listeners[0].Addr().String() }

// authority is the origin under which programs know the emulator and tokens name it.
func (s *Server) authority() string {
	if s.config.PublicURL != "" {
		return strings.TrimSuffix(s.config.PublicURL, "/")
	}
	return s.HTTPSURL()
}

// HTTPURL is the authority for browsers, which do not know the emulator's certificate authority.
func (s *Server) HTTPURL() string { return "http://" + s.listeners[1].Addr().String() }

// ControlURL is where the control API is served, under /__control/.
func (s *Server) ControlURL() string {
	if s.listeners[2] != nil {
		return "http://" + s.listeners[2].Addr().String()
	}
	return s.HTTPURL()
}

// CAPEM is the certificate of the authority that signed the emulator's TLS certificate.
func (s *Server) CAPEM() []byte { return s.keys.caPEM }

// HTTPClient returns a new client that trusts the emulator.
func (s *Server) HTTPClient() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.keys.caPEM)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}
