// Command entra-emulator runs the Entra ID and Microsoft Graph emulator by itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"consentry/emulator"
)

type options struct {
	HTTPS        string        `default:"127.0.0.1:8443" env:"EMULATOR_HTTPS" help:"Address for programs (TLS with the emulator's own certificate authority)."`
	HTTP         string        `default:"127.0.0.1:8480" env:"EMULATOR_HTTP" help:"Loopback address for browsers and the control API under /__control/."`
	State        string        `type:"path" env:"EMULATOR_STATE" help:"Folder that keeps keys and events; without it everything is forgotten at the end."`
	CAOut        string        `type:"path" name:"ca-out" env:"EMULATOR_CA_OUT" help:"Write the certificate authority's certificate to this file."`
	ConsentDelay time.Duration `default:"5s" env:"EMULATOR_CONSENT_DELAY" help:"Until a consent is visible everywhere."`
	KeyDelay     time.Duration `default:"2s" env:"EMULATOR_KEY_DELAY" help:"Until an added key is accepted."`
	PageSize     int           `default:"200" env:"EMULATOR_PAGE_SIZE" help:"Objects on a page of users or groups."`
	Verbose      bool          `short:"v" help:"Log every request."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("entra-emulator"), kong.Description("Entra ID and Microsoft Graph on this machine, for programs that must not meet the real ones."))
	if err := o.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "entra-emulator:", err)
		os.Exit(1)
	}
}

// Run answers until the process is told to end.
func (o *options) Run() error {
	config := zap.NewDevelopmentConfig()
	config.Level.SetLevel(zap.InfoLevel)
	if o.Verbose {
		config.Level.SetLevel(zap.DebugLevel)
	}
	logger, err := config.Build()
	if err != nil {
		return fmt.Errorf("start the log: %w", err)
	}
	server, err := emulator.New(emulator.Config{StateDir: o.State, HTTPSAddr: o.HTTPS, HTTPAddr: o.HTTP,
		ConsentDelay: o.ConsentDelay, KeyDelay: o.KeyDelay, PageSize: o.PageSize, Logger: logger})
	if err != nil {
		return err
	}
	if o.CAOut != "" {
		if err := os.WriteFile(o.CAOut, server.CAPEM(), 0o644); err != nil {
			return errors.Join(fmt.Errorf("write the certificate authority's certificate: %w", err), server.Close(context.Background()))
		}
	}
	if err := server.Start(); err != nil {
		return err
	}
	fmt.Printf("programs  %s\nbrowsers  %s\n", server.HTTPSURL(), server.HTTPURL())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	<-ctx.Done()
	stop()
	closing, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return server.Close(closing)
}
