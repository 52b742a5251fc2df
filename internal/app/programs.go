package app

import (
	"context"
	"fmt"
)

// WorkerProgram is consentry-worker.
func WorkerProgram() Program {
	return Program{
		Name: "consentry-worker", Description: "Runs Consentry's workflows and activities.", Internals: "127.0.0.1:9081",
		Start: func(ctx context.Context, a *App) (string, func() error, error) {
			w, err := StartWorker(ctx, a)
			if err != nil {
				return "", nil, err
			}
			return "consentry-worker is ready: it polls the queues migrations, graph and keys", func() error { w.Stop(); return nil }, nil
		},
	}
}

// APIProgram is consentry-api.
func APIProgram() Program {
	return Program{
		Name: "consentry-api", Description: "Serves Consentry's API and console. `consentry-api bootstrap` lets the first operator in (bootstrap --help).", Internals: "127.0.0.1:9080", Drains: true,
		Start: func(ctx context.Context, a *App) (string, func() error, error) {
			served, err := a.StartAPI(ctx)
			if err != nil {
				return "", nil, err
			}
			return fmt.Sprintf("consentry-api is ready: %s, listening on %s", a.Config.PublicURL, served.Address), func() error {
				end, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Config.StopWithin)
				defer cancel()
				return served.Close(end)
			}, nil
		},
	}
}
