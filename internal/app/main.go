package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"consentry/internal/logkey"
)

// Program is one of the processes of production.
type Program struct {
	Name, Description string
	// Internals is where health and metrics are shown unless --metrics-listen
	// says otherwise; the programs differ, so that they can share a machine.
	Internals string
	// Drains: balancers send requests to it, and have to see that it is going
	// before it stops accepting.
	Drains bool
	// Start returns what to say when it works, and how to stop it.
	Start func(context.Context, *App) (ready string, stop func() error, err error)
}

// What a process answers its starter.
const (
	exitOK      = 0
	exitFailed  = 1
	exitMistake = 2 // the configuration cannot work: starting again changes nothing
)

// Main is a process: it reads the configuration, opens the App, starts the
// program, says on out that it is ready, and stops it on Ctrl-C or SIGTERM. A
// second signal ends it at once. It returns the exit code.
func Main(ctx context.Context, p Program, args []string, out, errs io.Writer) int {
	fail := func(code int, err error) int {
		fmt.Fprintf(errs, "%s: %v\n", p.Name, err)
		return code
	}
	line, err := parse(p, args, out)
	var mistake *ConfigError
	switch {
	case errors.As(err, &mistake):
		return fail(exitMistake, err)
	case err != nil:
		return fail(exitFailed, err)
	case line.done:
		return exitOK
	case line.command == "health":
		if err := askReadiness(ctx, line.Health.MetricsListen, out); err != nil {
			return fail(exitFailed, err)
		}
		return exitOK
	case line.command == "check":
		fmt.Fprintln(out, "the configuration is complete; nothing was contacted")
		return exitOK
	}
	ctx, again := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer again()
	context.AfterFunc(ctx, again) // the default action of the signal is back: a second one ends the process
	err = run(ctx, again, p, line.Run.Config, out)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(errs, p.Name+": told to stop before it was ready")
		return exitOK
	}
	if err != nil {
		return fail(exitFailed, err)
	}
	return exitOK
}

func run(ctx context.Context, again func(), p Program, config Config, out io.Writer) error {
	config.Process = p.Name
	log, err := NewLogger(config.LogLevel, config.LogFormat, "stderr")
	if err != nil {
		return err
	}
	a, err := Open(ctx, config, log)
	if err != nil {
		return err
	}
	ready, stop, err := p.Start(ctx, a)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	if address := a.MetricsAddress(); address != "" {
		ready += "; health and metrics at http://" + address
	}
	if _, err = fmt.Fprintln(out, ready); err == nil {
		<-ctx.Done()
	}
	again() // before anybody can see that it stops, and asks a second time
	a.life.Store(int32(stopping))
	log.Info("stopping: what runs is finished first; a second signal ends at once", zap.Duration(logkey.Within, config.StopWithin))
	if p.Drains {
		time.Sleep(config.Drain) //nolint:forbidigo // the balancers' time to see that readiness says no
	}
	err = errors.Join(err, stop(), a.Close())
	log.Info("stopped", zap.Error(err))
	return err
}
