package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"consentry/internal/build"
	"consentry/internal/engine"
	"consentry/internal/entra"
	"consentry/internal/health"
	"consentry/internal/keys"
	"consentry/internal/metrics"
	"consentry/internal/mirror"
	"consentry/internal/service"
	"consentry/internal/store"
	"consentry/internal/tracing"
)

// App is one process: its database handle, its connection to Temporal, its way
// to Microsoft, and the service on top. A worker, an API, or both run on it.
type App struct {
	Config  Config
	Service *service.Service

	log       *zap.Logger
	store     *store.Store
	keeper    *keys.Keeper
	keyring   *engine.Keyring
	temporal  *engine.Connection
	engine    *engine.Engine
	cloud     entra.Cloud
	tokens    *entra.Tokens
	health    *health.Monitor
	metrics   *metrics.Metrics
	audit     *service.AuditCheck
	foreign   *findings // workflows of builds that this one cannot replay
	internals *internals
	presence  *presence
	answers   *answers // whether Microsoft gives any
	traces    *tracing.Traces
	life      atomic.Int32
}

// Open reads the configuration and connects every adapter. Temporal and the
// database must answer; Microsoft need not.
func Open(ctx context.Context, config Config, log *zap.Logger) (*App, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	a := &App{Config: config, log: log}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) (err error) {
	a.metrics, a.answers = metrics.New(), &answers{}
	a.foreign = newFindings(a.metrics, a.log.Named("worker"))
	if a.presence, err = a.newPresence(); err != nil {
		return err
	}
	if a.cloud, err = a.Config.cloud(); err != nil {
		return err
	}
	version, _ := build.Name()
	if a.traces, err = tracing.Open(ctx, cmp.Or(a.Config.Process, "consentry"), version, a.log.Named("traces")); err != nil {
		return err
	}
	a.cloud.HTTP = a.watched(a.cloud)
	spans, err := a.temporalTraces()
	if err != nil {
		return err
	}
	sdk, err := a.temporalMetrics()
	if err != nil {
		return err
	}
	address, err := secretFile(a.Config.KeyFile)
	if err != nil {
		return err
	}
	if a.keeper, err = keys.Open(ctx, address); err != nil {
		return fmt.Errorf("open the sealing key of --key-file: %w", err)
	}
	database, err := a.Config.database()
	if err != nil {
		return err
	}
	if a.store, err = store.Open(ctx, database, mirror.On); err != nil {
		return err
	}
	a.keyring = engine.NewKeyring(payloadKeys{a}, time.Now)
	if a.temporal, err = engine.Dial(ctx, a.Config.TemporalAddress, a.keyring, a.log.Named("temporal"), a.named, sdk, spans); err != nil {
		return err
	}
	a.engine = engine.New(a.temporal.Client, a.temporal.Codec.Converters(), a.Config.schedules())
	a.Service = service.New(service.Deps{Store: a.store, Engine: a.engine, Keeper: a.keeper, Now: time.Now, Log: a.log.Named("service"), Observe: a.metrics, Tracer: a.traces,
		Served:  service.Served{Regions: a.Config.Regions, Cloud: a.Config.Cloud, Issuer: a.Config.ConsoleIssuer},
		Leaving: service.Leaving{Wait: a.Config.DeletionWait, EvidenceFor: a.Config.EvidenceFor}})
	a.tokens = entra.NewTokens(a.cloud, credentials{a.Service, a.keeper}, time.Now)
	a.audit = service.NewAuditCheck(a.Service)
	a.watchPool()
	if a.health, err = a.monitor(); err != nil {
		return err
	}
	a.internals, err = a.serveInternals(ctx)
	return err
}

// Close lets go of everything that is open. It may be called more than once.
func (a *App) Close() error {
	var errs []error
	if a.internals != nil {
		errs = append(errs, a.internals.close())
		a.internals = nil
	}
	if a.presence != nil {
		a.presence.close()
	}
	if a.temporal != nil {
		a.temporal.Close()
		a.temporal = nil
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
		a.store = nil
	}
	if a.keeper != nil {
		errs = append(errs, a.keeper.Close())
		a.keeper = nil
	}
	if a.traces != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) //nolint:forbidigo // it is closed when everything that had a context is over
		defer cancel()
		if err := a.traces.Close(ctx); err != nil { // a collector that is away keeps no process from ending
			a.log.Warn("the last traces could not be handed over", zap.Error(err))
		}
		a.traces = nil
	}
	return errors.Join(errs...)
}

// Keeper seals what this process mints.
func (a *App) Keeper() *keys.Keeper { return a.keeper }

// Engine is this process's door to Temporal.
func (a *App) Engine() *engine.Engine { return a.engine }

// cloud builds the Microsoft cloud of the configuration.
func (c *Config) cloud() (entra.Cloud, error) {
	var cloud entra.Cloud
	switch c.Cloud {
	case "global":
		cloud = entra.Global()
	case "usgov":
		cloud = entra.USGovernment()
	case "usgov-dod":
		cloud = entra.USGovernmentDoD()
	case "china":
		cloud = entra.China()
	case "custom":
		cloud = entra.Cloud{Name: "custom", Authority: c.Authority, BrowserAuthority: c.BrowserAuthority, GraphURL: c.GraphURL}
	default:
		return cloud, fmt.Errorf("--cloud is %q: choose global, usgov, usgov-dod, china or custom", c.Cloud)
	}
	roots, err := c.rootCAs()
	if err != nil {
		return cloud, err
	}
	if roots != nil {
		base := http.DefaultTransport.(*http.Transport).Clone()
		base.TLSClientConfig = trusting(roots)
		base.MaxIdleConnsPerHost = 32
		base.ResponseHeaderTimeout = time.Minute
		cloud.HTTP = &http.Client{Transport: base}
	}
	return cloud, cloud.Validate()
}
