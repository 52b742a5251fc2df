// Command consentry-dev is the whole system on a laptop: the real Temporal
// server, an emulator of Microsoft Entra ID and Graph, the worker, the API and
// the console, with three customers to migrate.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"

	"consentry/dev/demo"
)

type commandLine struct {
	Run  runCommand  `cmd:"" default:"withargs" help:"Run everything until Ctrl-C, keeping state in --dir."`
	Demo demoCommand `cmd:"" help:"Migrate the demonstration's customers from start to end, through a killed worker and a missed deadline, and compare every mirror with its directory."`
	With withCommand `cmd:"" help:"Run a command against a fresh system on free ports; it finds the system through BASE, CONSOLE_USER, MICROSOFT_ADMIN and others."`
}

// programs are where make builds the other programs: beside this one.
type programs struct {
	TemporalDev string `name:"temporal-dev" placeholder:"FILE" help:"The Temporal server's program; beside this one when empty."`
	Worker      string `name:"worker" placeholder:"FILE" help:"The worker's program; beside this one when empty."`
}

func (p *programs) fill() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for name, path := range map[string]*string{"temporal-dev": &p.TemporalDev, "consentry-worker": &p.Worker} {
		if *path == "" {
			*path = filepath.Join(filepath.Dir(self), name)
		}
	}
	return nil
}

// database is where the rows are kept.
type database struct {
	DB string `name:"db" placeholder:"sqlite|postgres" help:"Database: sqlite, or postgres for a cluster of its own; fixed by the first start."`
}

type demoCommand struct {
	programs
	database
	Users  int    `default:"5000" help:"Users of the largest customer."`
	Groups int    `default:"240" help:"Its groups."`
	Seed   uint64 `default:"1" help:"What everything follows from."`
	Keep   string `placeholder:"DIR" help:"Keep state and logs in this empty folder; a temporary one is removed otherwise."`
}

func (d *demoCommand) Run(ctx context.Context) error {
	if err := d.fill(); err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{
		Users: d.Users, Groups: d.Groups, Seed: d.Seed, Dir: d.Keep, Database: d.DB, TemporalDev: d.TemporalDev, WorkerProgram: d.Worker, Out: os.Stdout,
	})
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	var line commandLine
	k := kong.Parse(&line, kong.Name("consentry-dev"), kong.Description("Consentry on a laptop. `make dev` builds and runs it."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.UsageOnError())
	err := k.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode()) // the command of `with` has said why itself
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "consentry-dev: stopped")
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "consentry-dev:", err)
		os.Exit(1)
	}
}
