// Command entra-emulator runs the Entra ID and Microsoft Graph emulator by itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"consentry/emulator"
)

type options struct {
	HTTPS        string         `env:"EMULATOR_HTTPS" help:"Address for programs, with TLS by the emulator's own certificate authority (default 127.0.0.1:8443)."`
	HTTP         string         `env:"EMULATOR_HTTP" help:"Loopback address for browsers (default 127.0.0.1:8480)."`
	Control      string         `env:"EMULATOR_CONTROL" help:"Loopback address of the control API; without it, the browsers' address serves it under /__control/."`
	Config       string         `type:"path" env:"EMULATOR_CONFIG" help:"YAML or JSON file with settings, switches, tenants, people, apps, consents and faults. Flags go before it."`
	Seed         uint64         `env:"EMULATOR_SEED" help:"Seed of the directories of tenants that name none."`
	State        string         `type:"path" env:"EMULATOR_STATE" help:"Folder that keeps keys and events; without it everything is forgotten at the end."`
	CAOut        string         `type:"path" name:"ca-out" env:"EMULATOR_CA_OUT" help:"Write the certificate authority's certificate to this file."`
	ConsentDelay *time.Duration `env:"EMULATOR_CONSENT_DELAY" help:"Until a consent is visible everywhere (default 5s)."`
	KeyDelay     *time.Duration `env:"EMULATOR_KEY_DELAY" help:"Until an added key is accepted (default 2s)."`
	PageSize     int            `env:"EMULATOR_PAGE_SIZE" help:"Objects on a page of users or groups (default 200)."`
	Verbose      bool           `short:"v" help:"Log every request."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("entra-emulator"), kong.Description("Entra ID and Microsoft Graph on this machine, for programs that must not meet the real ones."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends at once
	err := o.run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "entra-emulator:", err)
		os.Exit(1)
	}
}

// run answers until ctx ends.
func (o *options) run(ctx context.Context, out io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	file := &emulator.File{}
	if o.Config != "" {
		var err error
		if file, err = emulator.ReadFile(o.Config); err != nil {
			return err
		}
	}
	logging := zap.NewDevelopmentConfig()
	logging.Level.SetLevel(zap.InfoLevel)
	if o.Verbose {
		logging.Level.SetLevel(zap.DebugLevel)
	}
	logger, err := logging.Build()
	if err != nil {
		return fmt.Errorf("start the log: %w", err)
	}
	server, err := emulator.New(o.settings(file, logger))
	if err != nil {
		return err
	}
	if err := o.serve(file, server); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return errors.Join(err, server.Close(closing))
	}
	fmt.Fprintf(out, "programs  %s\nbrowsers  %s\ncontrol   %s/__control/\n", server.HTTPSURL(), server.HTTPURL(), server.ControlURL())
	<-ctx.Done()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	return server.Close(closing)
}

func (o *options) check() error {
	var errs []error
	if o.PageSize < 0 {
		errs = append(errs, fmt.Errorf("--page-size: %d is negative", o.PageSize))
	}
	if o.ConsentDelay != nil && *o.ConsentDelay < 0 {
		errs = append(errs, fmt.Errorf("--consent-delay: %s is negative", *o.ConsentDelay))
	}
	if o.KeyDelay != nil && *o.KeyDelay < 0 {
		errs = append(errs, fmt.Errorf("--key-delay: %s is negative", *o.KeyDelay))
	}
	return errors.Join(errs...)
}

// settings are the flags, then the file, then the defaults.
func (o *options) settings(file *emulator.File, logger *zap.Logger) emulator.Config {
	if o.Seed != 0 {
		file.Seed = o.Seed
	}
	return emulator.Config{
		HTTPSAddr: first(o.HTTPS, file.HTTPS, "127.0.0.1:8443"), HTTPAddr: first(o.HTTP, file.HTTP, "127.0.0.1:8480"),
		Hosts: file.Hosts, PublicURL: file.PublicURL, ControlAddr: first(o.Control, file.Control), StateDir: first(o.State, file.State),
		ConsentDelay: span(o.ConsentDelay, file.ConsentDelay, 5*time.Second), KeyDelay: span(o.KeyDelay, file.KeyDelay, 2*time.Second),
		KeyOverlap: time.Duration(file.KeyOverlap), PageSize: first(o.PageSize, file.PageSize), MemberPage: file.MemberPage,
		Replicas: file.Replicas, Choice: file.Choice, Switches: file.Switches, Logger: logger,
	}
}

func (o *options) serve(file *emulator.File, server *emulator.Server) error {
	if o.CAOut != "" {
		if err := os.WriteFile(o.CAOut, server.CAPEM(), 0o644); err != nil {
			return fmt.Errorf("write the certificate authority's certificate: %w", err)
		}
	}
	if err := file.Populate(server); err != nil {
		return err
	}
	return server.Start()
}

func first[T comparable](values ...T) T {
	var none T
	for _, v := range values {
		if v != none {
			return v
		}
	}
	return none
}

func span(flag *time.Duration, file *emulator.Duration, otherwise time.Duration) time.Duration {
	switch {
	case flag != nil:
		return *flag
	case file != nil:
		return time.Duration(*file)
	}
	return otherwise
}
