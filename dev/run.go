package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"consentry/dev/stack"
	"consentry/dev/world"
)

type runCommand struct {
	programs
	database
	stack.Ports
	Dir   string `default:".dev" help:"Folder that keeps all state; make dev-reset forgets it."`
	Seed  uint64 `default:"1" help:"What the demonstration's world follows from; fixed by the first start."`
	Users int    `default:"5000" help:"Users of the largest customer; fixed by the first start."`
}

func (r *runCommand) Run(ctx context.Context) error {
	if err := r.fill(); err != nil {
		return err
	}
	began := time.Now()
	w := world.New(r.Seed, world.Size{Users: r.Users, Groups: world.FullSize.Groups}, secretsEnd(began))
	s, err := stack.Start(ctx, stack.Options{
		Dir: r.Dir, Ports: r.Ports, Database: r.DB, World: w, SweepEvery: time.Minute, ConsentDelay: 3 * time.Second, KeyDelay: 3 * time.Second,
		TemporalDev: r.TemporalDev, Say: say,
	})
	if err != nil {
		return err
	}
	if err := s.SetScene(ctx, world.DevTerms(began)); err != nil {
		return closeAfter(s, err)
	}
	fmt.Print(banner(s, w, time.Since(began)))
	select {
	case <-ctx.Done():
		fmt.Println("\nstopping …")
		return s.Close()
	case <-s.TemporalDied():
		return closeAfter(s, fmt.Errorf("the Temporal server ended by itself; its log is %s. Everything is kept: start again", filepath.Join(r.Dir, "temporal.log")))
	}
}

// secretsEnd is when the demonstration's healthy legacy secrets end: the same
// day whenever the world is described again within a month, so that the
// emulator's state still fits.
func secretsEnd(now time.Time) time.Time {
	return time.Date(now.Year()+1, now.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func say(sentence string) { fmt.Println("  …", sentence) }

func closeAfter(s *stack.Stack, err error) error {
	if cerr := s.Close(); cerr != nil {
		return fmt.Errorf("%w (and while stopping: %w)", err, cerr)
	}
	return err
}

func banner(s *stack.Stack, w *world.World, took time.Duration) string {
	var b strings.Builder
	row := func(what, value string) { fmt.Fprintf(&b, "  %-36s %s\n", what, value) }
	fmt.Fprintf(&b, "\nConsentry is ready (%.1f s). Ctrl-C stops it; everything is kept for the next time.\n\n", took.Seconds())
	row("Console", s.Console)
	row("API", s.Console+"/api/v1   (OpenAPI: "+s.Console+"/openapi.json)")
	if s.UI != "" {
		row("Temporal UI", s.UI)
	}
	if s.Postgres() != nil {
		row("PostgreSQL", `psql "$(cat `+filepath.Join(s.Dir(), "database-url")+`)"`)
	}
	row("Microsoft (emulated)", s.Emulator.HTTPURL()+"   for programs: "+s.Emulator.HTTPSURL())
	b.WriteString("\nSign in to the console (the vendor's identity provider) as\n")
	row(w.Operator.UPN, "operator of the vendor: sees every account")
	for _, c := range w.Customers {
		row(c.Person.UPN, fmt.Sprintf("%s, for %s (%d users)", c.Person.Name, c.Name, c.Users))
	}
	b.WriteString("\nConsent at Microsoft (the customer's own tenant) as\n")
	for _, c := range w.Customers {
		row(c.GlobalAdmin.UPN, "Global Administrator: may consent")
	}
	c := w.Customers[0]
	row(c.CloudAppAdmin.UPN, "Cloud Application Administrator: may not; every tenant has one …")
	row(c.PlainUser.UPN, "… and a plain user")
	b.WriteString("\nThe command line (a token of an operator, made anew by each start)\n")
	fmt.Fprintf(&b, "  export CONSENTRY_API=%s CONSENTRY_TOKEN_FILE=%s\n", s.Console, s.OperatorToken())
	fmt.Fprintf(&b, "  bin/consentry explain %s\n", w.Customers[0].Integration)
	return b.String() + "\n"
}

type withCommand struct {
	programs
	database
	Users   int      `default:"40" help:"Users of the largest customer."`
	Command []string `arg:"" passthrough:"" help:"The command and its arguments."`
}

func (c *withCommand) Run(ctx context.Context) error {
	if err := c.fill(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "consentry-with-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder left behind harms nothing
	now := time.Now()
	w := world.New(1, world.Size{Users: c.Users, Groups: 8}, secretsEnd(now))
	s, err := stack.Start(ctx, stack.Options{
		Dir: dir, Database: c.DB, World: w, SweepEvery: 2 * time.Second, ConsentDelay: time.Second, KeyDelay: time.Second, TemporalDev: c.TemporalDev,
	})
	if err != nil {
		return err
	}
	if err := s.SetScene(ctx, world.DevTerms(now)); err != nil {
		return closeAfter(s, err)
	}
	args := c.Command
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	contoso, fabrikam := w.Customer("contoso"), w.Customer("fabrikam")
	cmd.Env = append(os.Environ(), "BASE="+s.Console, "TEMPORAL_UI="+s.UI, "MICROSOFT="+s.Emulator.HTTPURL(), "OPERATOR="+w.Operator.UPN,
		"CONSOLE_USER="+contoso.Person.UPN, "MICROSOFT_ADMIN="+contoso.GlobalAdmin.UPN, "MICROSOFT_CLOUD_ADMIN="+contoso.CloudAppAdmin.UPN,
		"CONSENTRY_API="+s.Console, "CONSENTRY_TOKEN_FILE="+s.OperatorToken(), "CONSOLE_USER_2="+fabrikam.Person.UPN, "MICROSOFT_ADMIN_2="+fabrikam.GlobalAdmin.UPN)
	return closeAfter(s, cmd.Run())
}
