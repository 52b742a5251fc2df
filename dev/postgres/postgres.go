// Package postgres runs a PostgreSQL cluster of one's own from the installed
// programs, for tests and for development.
//
// PostgreSQL refuses to run as root: then it is started as the user postgres, or
// nobody. A small shell stands between: it stops the cluster when this process
// has ended in whatever way, and removes a cluster that is not to be kept.
package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options say how a cluster is run.
type Options struct {
	// Dir keeps the cluster; "" makes a temporary one that is removed at the end.
	Dir string
	// Port on 127.0.0.1, where a password is asked for. 0 listens on a Unix socket
	// only, in a folder that no other user may enter.
	Port int
	// Unsafe gives up durability, for tests that stop nothing: a server that is
	// killed may have lost the last commits it had confirmed.
	Unsafe bool
	// Settings are further lines of the server's configuration.
	Settings map[string]string
}

// Cluster is a running server.
type Cluster struct {
	dir      string
	options  Options
	programs string
	user     *syscall.Credential // nil: our own
	guard    *exec.Cmd
	leash    io.Closer
	ended    chan struct{}
	password string
}

// superuser owns everything in the cluster.
const superuser = "consentry"

// Start makes the cluster if there is none yet, starts it and returns when it
// answers.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	c := &Cluster{options: o, dir: o.Dir, ended: make(chan struct{})}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) (err error) {
	if c.programs, err = findPrograms(debian, keptVersion(c.dir)); err != nil {
		return err
	}
	if c.user, err = unprivileged(); err != nil {
		return err
	}
	if c.dir == "" {
		c.dir, err = os.MkdirTemp(passing(c.options.Unsafe), "consentry-pg-") // short: the path of a socket is limited to some 100 bytes
	} else if c.dir, err = filepath.Abs(c.dir); err == nil {
		err = os.MkdirAll(c.dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("make the folder of the PostgreSQL cluster: %w", err)
	}
	if c.user != nil {
		if err := os.Chown(c.dir, int(c.user.Uid), int(c.user.Gid)); err != nil {
			return fmt.Errorf("hand the folder of the PostgreSQL cluster over: %w", err)
		}
	}
	if err := c.guardStart(); err != nil {
		return err
	}
	if err := c.initialise(ctx); err != nil {
		return err
	}
	return c.up(ctx)
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// Log is the server's log file.
func (c *Cluster) Log() string { return filepath.Join(c.dir, "log") }

// run runs one of PostgreSQL's programs to its end.
func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	return c.runOn(ctx, nil, program, args...)
}

func (c *Cluster) runOn(ctx context.Context, in io.Reader, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.programs, program), args...)
	cmd.Dir, cmd.Stdin = c.dir, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.user, Setpgid: true}
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGPASSWORD="+c.password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("PostgreSQL's %s: %w\n%s", program, err, out)
	}
	return nil
}

// initialise makes the cluster unless it is there, beside its place, so that one
// that was broken off is never taken for whole.
func (c *Cluster) initialise(ctx context.Context) error {
	secret := filepath.Join(c.dir, "password")
	if _, err := os.Stat(c.data()); err == nil {
		if keptVersion(c.dir) == "" {
			return fmt.Errorf("the PostgreSQL cluster in %s is damaged: it names no version. It is left as it is; put back a copy of it, or forget it (make dev-reset)", c.data())
		}
		b, err := os.ReadFile(secret)
		c.password = string(b)
		return err
	}
	c.password = rand.Text()
	if err := os.WriteFile(secret, []byte(c.password), 0o600); err != nil {
		return err
	}
	if c.user != nil {
		if err := os.Chown(secret, int(c.user.Uid), int(c.user.Gid)); err != nil {
			return err
		}
	}
	making := c.data() + ".new"
	if err := c.initdb(ctx, making, secret); err != nil {
		return err
	}
	return os.Rename(making, c.data())
}

// initdb makes a cluster with names sorted as people of a country do and not by
// bytes, as most servers in production: what depends on it would show.
func (c *Cluster) initdb(ctx context.Context, data, secret string) error {
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	args := []string{"--pgdata", data, "--username", superuser, "--pwfile", secret, "--auth-local=trust", "--auth-host=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-instructions"}
	if c.options.Unsafe {
		args = append(args, "--no-sync")
	}
	natural := slices.Concat(args, []string{"--locale-provider=icu", "--icu-locale=en"})
	if c.run(ctx, "initdb", natural...) == nil {
		return nil
	}
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	return c.run(ctx, "initdb", args...) // before version 15, or built without ICU
}

// up starts the server and returns when it answers.
func (c *Cluster) up(ctx context.Context) error {
	settings := map[string]string{
		"unix_socket_directories": c.dir, "listen_addresses": "", "max_connections": "200", "shared_buffers": "64MB",
		"log_timezone": "UTC", "timezone": "UTC", "max_wal_size": "512MB",
	}
	port := c.options.Port
	if port == 0 {
		port = socketPort
	} else {
		settings["listen_addresses"] = "127.0.0.1"
	}
	settings["port"] = strconv.Itoa(port)
	if c.options.Unsafe {
		settings["fsync"], settings["synchronous_commit"], settings["full_page_writes"] = "off", "off", "off"
		settings["wal_level"], settings["max_wal_senders"], settings["max_wal_size"] = "minimal", "0", "64MB"
	}
	maps.Copy(settings, c.options.Settings)
	var line strings.Builder
	for name, value := range settings {
		fmt.Fprintf(&line, "-c %s='%s' ", name, value)
	}
	err := c.run(ctx, "pg_ctl", "start", "--wait", "--timeout=60", "--silent", "--pgdata", c.data(), "--log", c.Log(), "--options", line.String())
	if err != nil {
		text, _ := os.ReadFile(c.Log()) // it says why, or is not there
		return fmt.Errorf("%w\n%s", err, text)
	}
	return nil
}

// socketPort only names the socket's file.
const socketPort = 5432

// URL is the address of a database of the cluster. It holds the password where
// one is asked for.
func (c *Cluster) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database}
	q := url.Values{"sslmode": {"disable"}}
	if c.options.Port == 0 {
		q.Set("host", c.dir)
		q.Set("port", strconv.Itoa(socketPort))
	} else {
		u.Host, u.User = net.JoinHostPort("127.0.0.1", strconv.Itoa(c.options.Port)), url.UserPassword(superuser, c.password)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Create makes a database, unless it is there.
func (c *Cluster) Create(ctx context.Context, database string) error {
	const create = `SELECT format('CREATE DATABASE %I', :'name') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec`
	port := cmp.Or(c.options.Port, socketPort)
	return c.runOn(ctx, strings.NewReader(create), "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=name="+database,
		"--host="+c.dir, "--port="+strconv.Itoa(port), "--username="+superuser, "--dbname=postgres") // the socket asks for no password
}

// Halt ends the server: "fast" breaks sessions off in order, "immediate" as a
// power cut would.
func (c *Cluster) Halt(ctx context.Context, mode string) error {
	return c.run(ctx, "pg_ctl", "stop", "--wait", "--timeout=60", "--silent", "--mode", mode, "--pgdata", c.data())
}

// Kill ends the server's first process as the system does when memory runs out:
// its sessions notice by themselves.
func (c *Cluster) Kill() error {
	pid, err := postmaster(c.data())
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// Resume starts the server again after Halt or Kill.
func (c *Cluster) Resume(ctx context.Context) error { return c.up(ctx) }

// Stop ends the cluster within a few seconds and removes what is not kept. It
// may be called more than once.
func (c *Cluster) Stop() error {
	if c.leash == nil {
		return nil
	}
	err := c.leash.Close()
	select {
	case <-c.ended:
	case <-time.After(20 * time.Second):
		err = errors.Join(err, errors.New("PostgreSQL does not stop; its folder is "+c.dir))
	}
	c.leash = nil
	return err
}
