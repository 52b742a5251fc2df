package stack

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Ports are where the parts listen, all on 127.0.0.1; 0 takes a free one.
type Ports struct {
	Console       int `name:"port" default:"8080" help:"Port of the console and API."`
	Temporal      int `name:"temporal-port" default:"7233" help:"Port of the Temporal server."`
	TemporalUI    int `name:"temporal-ui-port" default:"8233" help:"Port of the Temporal UI."`
	EmulatorHTTPS int `name:"microsoft-https-port" default:"8443" help:"Port of the emulated Microsoft for programs."`
	EmulatorHTTP  int `name:"microsoft-http-port" default:"8444" help:"Port of the emulated Microsoft for browsers."`
	Postgres      int `name:"postgres-port" default:"15432" help:"Port of the PostgreSQL server, with --db=postgres."`
}

type namedPort struct {
	flag, what string
	port       *int
}

func (p *Ports) named() []namedPort {
	return []namedPort{
		{"--port", "the console and API", &p.Console},
		{"--temporal-port", "the Temporal server", &p.Temporal},
		{"--temporal-ui-port", "the Temporal UI", &p.TemporalUI},
		{"--microsoft-https-port", "the emulated Microsoft (programs)", &p.EmulatorHTTPS},
		{"--microsoft-http-port", "the emulated Microsoft (browsers)", &p.EmulatorHTTP},
		{"--postgres-port", "the PostgreSQL server", &p.Postgres},
	}
}

// claim checks every port before anything starts, names each one that is taken
// with the flag that moves it, and settles those given as 0. Ports of parts that
// run elsewhere are left out.
func (p *Ports) claim(ownTemporal, ownPostgres bool) error {
	var errs []error
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close() // held only so that no port is given twice
		}
	}()
	for _, n := range p.named() {
		if !ownTemporal && (n.port == &p.Temporal || n.port == &p.TemporalUI) || !ownPostgres && n.port == &p.Postgres {
			continue
		}
		if *n.port < 0 || *n.port > 65535 {
			errs = append(errs, fmt.Errorf("%s is %d: a port for %s lies between 1 and 65535, or is 0 for any that is free", n.flag, *n.port, n.what))
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(*n.port)))
		if err != nil {
			errs = append(errs, fmt.Errorf("port %d for %s is taken: stop what uses it or choose another with %s", *n.port, n.what, n.flag))
			continue
		}
		held = append(held, l)
		*n.port = l.Addr().(*net.TCPAddr).Port
	}
	return errors.Join(errs...)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
