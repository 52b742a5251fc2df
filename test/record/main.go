// Command record makes the histories that the replay tests hold workflow code
// against: it runs every scenario on a real Temporal server, with activities
// played from a script under their production names, and keeps each history as
// JSON.
//
// Record with the code that is deployed, never with the code of the change that
// is to be tested: a history that was made by the change proves nothing about
// the workflows that already run.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"consentry/internal/engine"
	"consentry/test/actions"
)

type options struct {
	Server  string        `default:"bin/temporal-dev" env:"TEMPORAL_DEV" type:"path" help:"The Temporal dev server to start."`
	Out     string        `default:"workflows/testdata/histories" type:"path" help:"Folder for the histories."`
	Only    string        `help:"Record only the scenarios whose name begins with this."`
	Timeout time.Duration `default:"5m" help:"How long everything may take."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("record"), kong.Description("Record the workflow histories that the replay tests use."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := record(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func record(ctx context.Context, o options) error {
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return err
	}
	plain := engine.Plain()
	server, err := testsuite.StartDevServer(ctx, testsuite.DevServerOptions{
		ExistingPath: o.Server, LogLevel: "error",
		ClientOptions: &client.Options{DataConverter: plain.Data, FailureConverter: plain.Failure, Logger: sdklog.NewStructuredLogger(quiet())},
	})
	if err != nil {
		return fmt.Errorf("start the Temporal server %s (build it with: make bin/temporal-dev): %w", o.Server, err)
	}
	defer func() { _ = server.Stop() }()
	c := server.Client()
	defer c.Close()
	for _, s := range scenarios {
		if len(s.name) < len(o.Only) || s.name[:len(o.Only)] != o.Only {
			continue
		}
		cost, err := one(ctx, c, s, filepath.Join(o.Out, s.name+".json"))
		if err != nil {
			return fmt.Errorf("scenario %s: %w", s.name, err)
		}
		fmt.Fprintf(os.Stdout, "%-32s %s\n", s.name, cost)
	}
	return nil
}

// one runs a scenario on workers of its own and keeps the history of the
// workflow it names.
func one(ctx context.Context, c client.Client, s scenario, path string) (actions.Cost, error) {
	stage := newStage(ctx, c)
	s.prepare(stage)
	for _, w := range stage.workers {
		if err := w.Start(); err != nil {
			return actions.Cost{}, err
		}
	}
	defer func() {
		for _, w := range stage.workers {
			w.Stop()
		}
	}()
	workflowID, err := s.play(stage)
	if err != nil {
		return actions.Cost{}, err
	}
	h, err := stage.history(workflowID)
	if err != nil {
		return actions.Cost{}, err
	}
	if err := keep(path, h); err != nil {
		return actions.Cost{}, err
	}
	return actions.Of(h), nil
}
