package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Main is a process: it reads the configuration, opens the App, starts one part
// of it, says on out that it is ready, and stops it on Ctrl-C or SIGTERM. start
// returns what to say and how to stop. Flags that make no sense end the process.
func Main(ctx context.Context, name, description string, out io.Writer, start func(context.Context, *App) (ready string, stop func() error, err error)) error {
	var config Config
	kong.Parse(&config, kong.Name(name), kong.Description(description+" Temporal is found by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the other settings of Temporal's SDK."))
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	log, err := NewLogger(config.LogLevel)
	if err != nil {
		return err
	}
	a, err := Open(ctx, config, log)
	if err != nil {
		return err
	}
	ready, stop, err := start(ctx, a)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	_, err = fmt.Fprintln(out, ready)
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, stop(), a.Close())
}
