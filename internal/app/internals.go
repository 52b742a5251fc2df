package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"consentry/internal/engine"
	"consentry/internal/health"
	"consentry/internal/keys"
	"consentry/internal/store"
)

// healthFresh bounds how often the parts are asked, whoever asks how often.
const healthFresh = time.Second

// namespaceEvery is how often it is asked whether the namespace is still there.
const namespaceEvery = 10 * time.Second

// monitor knows what this process stands on, worker and API alike.
func (a *App) monitor() (*health.Monitor, error) {
	known, err := store.KnownSchemaVersion()
	if err != nil {
		return nil, err
	}
	probes := []health.Probe{
		{
			Name: "process", Check: a.alive,
			Means:  "The process is starting or stopping: what runs is finished, nothing new is begun here.",
			Remedy: "Wait; others of its kind do the work meanwhile.",
		},
	}
	probes = append(append(probes, a.databaseProbes(known)...), a.temporalProbes()...)
	probes = append(probes, []health.Probe{
		{
			Name: "sealing-key", Every: time.Minute, Check: a.sealingWorks,
			Means:  "The service that holds the sealing key does not answer, or the key is another one. Secrets cannot be opened: sign-ins, consents, tokens and rotations wait.",
			Remedy: "Restore access to the key that --key-file names. Never replace it by a new key: what was sealed with the old one would be lost.",
		},
		{
			Name: "payload-keys", Check: a.keyring.Ready,
			Means:  "No key for the payloads of workflows could be opened yet. Nothing is started or signalled unencrypted: it waits.",
			Remedy: "See to the sealing key and the database first; then this becomes well by itself.",
		},
		a.foreign.probe(),
		a.answers.probe(time.Now),
	}...)
	return health.New(time.Now, healthFresh, a.log.Named("health"), append(probes, a.processProbes()...)...), nil
}

// databaseProbes are what this process needs of its database.
func (a *App) databaseProbes(known int64) []health.Probe {
	return []health.Probe{
		{
			Name: "database", Check: a.store.Ping,
			Means:  "The database does not answer. What was kept is safe; requests are answered 503 and workflows wait.",
			Remedy: "Start the database, or correct --database, the network and the password; nothing here has to be restarted.",
		},
		{
			Name: "schema", On: "database", Every: 10 * time.Second, Check: func(ctx context.Context) error { return schemaIs(ctx, a.store, known) },
			Means:  "The database's schema is another version than this program's: another build has upgraded it, or a backup was restored.",
			Remedy: "Run the same build everywhere: replace this process with the newer one (the log names both versions).",
		},
	}
}

// temporalProbes are what it needs of Temporal.
func (a *App) temporalProbes() []health.Probe {
	return []health.Probe{
		{
			Name: "temporal", Check: func(ctx context.Context) error {
				_, err := a.temporal.Client.CheckHealth(ctx, &client.CheckHealthRequest{})
				return err
			},
			Means:  "Temporal does not answer. Decisions are kept and take effect when it is back; nothing is lost.",
			Remedy: "Start Temporal, or correct TEMPORAL_ADDRESS and its TLS settings; waiting calls are redelivered by themselves.",
		},
		{
			Name: "namespace", On: "temporal", Every: namespaceEvery, Check: func(ctx context.Context) error {
				return onlyVerdict[*engine.NoNamespace](engine.CheckNamespace(ctx, a.temporal.Client, a.temporal.Namespace, a.temporal.Address))
			},
			Means:  fmt.Sprintf("The Temporal namespace %s does not exist at %s: nothing is started, and what is decided is kept until it is there.", a.temporal.Namespace, a.temporal.Address),
			Remedy: (&engine.NoNamespace{Namespace: a.temporal.Namespace, Address: a.temporal.Address}).Remedy(),
		},
		{
			Name: "search-attributes", On: "temporal", Every: time.Minute, Check: func(ctx context.Context) error {
				return onlyVerdict[*engine.LacksSearchAttributes](engine.CheckSearchAttributes(ctx, a.temporal.Client, a.temporal.Namespace))
			},
			Means:  "The Temporal namespace lacks search attributes that workflows write; workflow tasks fail until they are there.",
			Remedy: "Start a worker, which adds them, or add them by hand (docs name them); then nothing has to be repeated.",
		},
	}
}

// sealingWorks seals and opens a value of no worth, which any key can, and opens
// something that was sealed before, which only the right one can.
func (a *App) sealingWorks(ctx context.Context) error {
	sealed, err := a.keeper.Seal(ctx, []byte("health"))
	if err == nil {
		_, err = a.keeper.Open(ctx, sealed)
	}
	if err != nil {
		return err
	}
	id, err := a.Service.NewestCodecKey(ctx)
	if err == nil {
		_, err = a.Service.OpenCodecKey(ctx, id)
	}
	if errors.Is(err, keys.ErrSealed) {
		return err
	}
	return nil // whatever else it is has a probe of its own
}

// internals is the listener for the vendor's own network: metrics, and health
// with sentences and remedies. It is apart from the public address, because what ails us is
// nobody else's business.
type internals struct {
	http    *http.Server
	Address string
	done    chan error
}

// serveInternals listens on --metrics-listen, if it is given.
func (a *App) serveInternals(ctx context.Context) (*internals, error) {
	if a.Config.MetricsListen == "" {
		return nil, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.Config.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("listen on --metrics-listen %s: %w", a.Config.MetricsListen, err)
	}
	i := &internals{
		http:    &http.Server{Handler: a.internalRoutes(), ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Minute},
		Address: l.Addr().String(), done: make(chan error, 1),
	}
	go func() { i.done <- i.http.Serve(l) }()
	return i, nil
}

func (a *App) internalRoutes() http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(body); err != nil {
			a.log.Debug("an answer could not be written", zap.Error(err))
		}
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, map[string]bool{"alive": true}) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		report, status := a.health.Report(r.Context()), http.StatusOK
		if !report.Ready {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, report)
	})
	mux.Handle("GET /metrics", a.metrics.Handler(a.figures))
	return mux
}

func (i *internals) close() error {
	err := i.http.Close()
	if served := <-i.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// MetricsAddress is where the internal listener is, "" without one.
func (a *App) MetricsAddress() string {
	if a.internals == nil {
		return ""
	}
	return a.internals.Address
}
