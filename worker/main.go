// Command consentry-worker polls Temporal and runs the workflows and activities
// of every task queue. Any number of them may run; each can be killed at any
// moment and another goes on where it was.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"consentry/internal/app"
)

func main() {
	var config app.Config
	kong.Parse(&config, kong.Name("consentry-worker"), kong.Description("Runs Consentry's workflows and activities. Temporal is found by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the other settings of Temporal's SDK."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, config); err != nil {
		fmt.Fprintln(os.Stderr, "consentry-worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, config app.Config) error {
	log, err := app.NewLogger(config.LogLevel)
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, config, log)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // the process ends; nothing can be done about it
	w, err := a.StartWorker(ctx)
	if err != nil {
		return err
	}
	fmt.Println("consentry-worker is ready: it polls the queues migrations, graph and keys")
	<-ctx.Done()
	w.Stop()
	return nil
}
