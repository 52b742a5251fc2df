// Command consentry-api serves the API and the console.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"consentry/internal/app"
)

func main() {
	var config app.Config
	kong.Parse(&config, kong.Name("consentry-api"), kong.Description("Serves Consentry's API and console. Temporal is found by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the other settings of Temporal's SDK."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, config); err != nil {
		fmt.Fprintln(os.Stderr, "consentry-api:", err)
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
	served, err := a.StartAPI(ctx)
	if err != nil {
		return err
	}
	fmt.Println("consentry-api is ready: " + config.PublicURL)
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	return served.Close(end)
}
