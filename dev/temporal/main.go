// Command temporal-dev is the Temporal server and its web UI in one process, for a laptop and for tests.
//
// It is the engine that also runs in a cluster, reduced to one machine: state in a SQLite file or in memory, every
// listener on the loopback interface only, because nothing here asks who is calling. It knows the search attributes of
// Consentry, so that a fresh server can be used at once, and its flags are those of the Temporal CLI as far as they
// go, so that the test suite of the Go SDK can start it (testsuite.DevServerOptions.ExistingPath).
//
// It is a module of its own: the server brings well over a thousand packages that the product does not need.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commandLine struct {
	Server struct {
		StartDev options `cmd:"" name:"start-dev" help:"Start the server and its UI, and stop on Ctrl-C or SIGTERM."`
	} `cmd:"" help:"The Temporal server."`
}

func main() {
	var line commandLine
	kong.Parse(&line,
		kong.Name("temporal-dev"),
		kong.Description("The Temporal server and its web UI for a laptop and for tests; never for production."),
	)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Whoever asks a second time does not want to wait: the default action of the signal comes back.
	context.AfterFunc(ctx, stop)

	if err := run(ctx, line.Server.StartDev); err != nil {
		fmt.Fprintln(os.Stderr, "temporal-dev:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. One line on standard output says when the server can be used.
func run(ctx context.Context, o options) error {
	s, err := start(ctx, o)
	if err != nil && ctx.Err() != nil {
		return nil //nolint:nilerr // told to stop before it was ready: what failed meanwhile failed because of that
	}
	if err != nil {
		return err
	}
	fmt.Println(s.banner())
	<-ctx.Done()
	return s.stop()
}
