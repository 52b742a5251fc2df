package main

import (
	"context"
	"fmt"
	"os"

	uiserver "github.com/temporalio/ui-server/v2/server"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/temporal"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type server struct {
	options options
	engine  temporal.Server
	ui      *uiserver.Server // nil when headless
}

// start returns when the frontend takes calls, the search attributes can be used and the UI answers.
func start(ctx context.Context, o options) (*server, error) {
	if err := o.settlePorts(); err != nil {
		return nil, err
	}
	attributes, err := o.searchAttributes()
	if err != nil {
		return nil, err
	}
	dynamicConfig, err := o.dynamicConfig()
	if err != nil {
		return nil, err
	}
	logger, err := newLogger(o)
	if err != nil {
		return nil, err
	}
	internalPorts, err := freePorts(o.IP, 3)
	if err != nil {
		return nil, err
	}
	if err := prepareDatabase(o, attributes); err != nil {
		return nil, err
	}

	cfg, hosts := serverConfig(o, internalPorts)
	engine, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithDynamicConfigClient(dynamicConfig),
	)
	if err != nil {
		return nil, fmt.Errorf("the server's configuration: %w", err)
	}
	if err := engine.Start(); err != nil {
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	s := &server{options: o, engine: engine}

	err = registerSearchAttributes(ctx, o, attributes)
	if err == nil && !o.Headless {
		s.ui, err = startUI(ctx, o)
	}
	if err != nil {
		_ = s.stop()
		return nil, err
	}
	return s, nil
}

// stop ends the UI first, for it calls the server.
func (s *server) stop() error {
	if s.ui != nil {
		s.ui.Stop()
	}
	return s.engine.Stop()
}

func (s *server) banner() string {
	ui := "no UI"
	if s.ui != nil {
		ui = "UI " + uiURL(s.options)
	}
	state := "state in memory"
	if file := s.options.databaseFile(); file != "" {
		state = "state in " + file
	}
	return fmt.Sprintf("Temporal server %s is ready: %s, %s, %s", headers.ServerVersion, s.options.frontend(), ui, state)
}

// newLogger keeps to errors by default: the server reports many things that mean nothing on a laptop.
func newLogger(o options) (log.Logger, error) {
	if o.LogLevel == "never" {
		return log.NewNoopLogger(), nil
	}
	out := os.Stderr
	if o.LogFile != "" {
		file, err := os.OpenFile(o.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("--log-file: %w", err)
		}
		out = file
	}
	settings := zap.NewProductionEncoderConfig()
	settings.EncodeTime = zapcore.ISO8601TimeEncoder
	encoder := zapcore.NewConsoleEncoder(settings)
	if o.LogFormat == "json" {
		encoder = zapcore.NewJSONEncoder(settings)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(out), log.ParseZapLevel(o.LogLevel))
	return log.NewZapLogger(zap.New(core)), nil
}
