package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"consentry/activities"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/engine"
	"consentry/internal/entra"
	"consentry/internal/logkey"
	"consentry/internal/service"
	"consentry/workflows"
)

// Worker polls every task queue until it is stopped, and redelivers the engine
// calls that Temporal has not taken yet.
type Worker struct {
	workers []worker.Worker
	cancel  context.CancelFunc
	done    chan struct{}
}

// redeliverEvery is how often waiting engine calls are looked for.
const redeliverEvery = 2 * time.Second

// StartWorker makes Temporal ready for the product (search attributes and
// schedules), starts polling and returns.
//
// It is no method of App, and nothing that every process opens knows the
// directory and the key changer: the linker keeps the methods of every type that
// it meets, and the process that faces the internet is not to hold what reads
// directories and changes keys. test/deploy looks for it there.
func StartWorker(ctx context.Context, a *App) (*Worker, error) {
	if err := a.awaitKeys(ctx); err != nil {
		return nil, err
	}
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := engine.EnsureSearchAttributes(ready, a.temporal.Client, a.temporal.Namespace, a.log.Named("worker")); err != nil {
		return nil, err
	}
	if err := a.ensureSchedules(ready); err != nil {
		return nil, err
	}
	polling, err := workers(a)
	if err != nil {
		return nil, err
	}
	w := &Worker{workers: polling, done: make(chan struct{})}
	for i, each := range w.workers {
		if err := each.Start(); err != nil {
			for _, started := range w.workers[:i] {
				started.Stop()
			}
			return nil, fmt.Errorf("start polling: %w", err)
		}
	}
	var loop context.Context
	loop, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(w.done)
		var loops sync.WaitGroup
		loops.Go(func() { a.redeliver(loop) })
		loops.Go(func() { a.ageKeys(loop) })
		loops.Wait()
	}()
	a.presence.does(domain.KindWorker)
	a.life.Store(int32(working))
	return w, nil
}

// Stop lets running activities finish their slice and stops polling, on every
// queue at once: one after another, each could take the whole time.
func (w *Worker) Stop() {
	w.cancel()
	var all sync.WaitGroup
	for _, each := range w.workers {
		all.Go(each.Stop)
	}
	all.Wait()
	<-w.done
}

// workers is one poller a queue: the queues are separate so that another
// deployment may give one of them to other machines.
func workers(a *App) ([]worker.Worker, error) {
	source := credentials{a.Service, a.keeper}
	directory, err := entra.NewDirectory(a.cloud, a.tokens)
	if err != nil {
		return nil, err
	}
	changer, err := entra.NewApplicationKeys(a.cloud, a.tokens)
	if err != nil {
		return nil, err
	}
	options := engine.WorkerOptions(a.Config.StopWithin)
	migrations := worker.New(a.temporal.Workers, contract.QueueMigrations, options)
	workflows.Register(migrations)
	graph := worker.New(a.temporal.Workers, contract.QueueGraph, options)
	keysQueue := worker.New(a.temporal.Workers, contract.QueueKeys, options)
	workflows.Register(keysQueue)

	migration := &activities.Migration{Service: a.Service, Consents: prober{directory}, OldApps: oldApps{directory, a.tokens}, Now: time.Now}
	connector := &activities.Connector{Service: a.Service, Consents: prober{directory}, Now: time.Now}
	syncs := &activities.Sync{Service: a.Service, Directory: directoryReader{directory}, Now: time.Now}
	rotation := &activities.Rotation{
		Service: a.Service, Keys: keyMint{a.keeper}, Graph: applicationKeys{changer, source}, Entra: keyProver{a.tokens, source},
	}
	for _, w := range []worker.Worker{migrations, graph} {
		w.RegisterActivity(migration)
		w.RegisterActivity(connector)
		w.RegisterActivity(syncs)
	}
	migrations.RegisterActivity(&activities.Leaving{Service: a.Service, Now: time.Now})
	keysQueue.RegisterActivity(rotation)
	return []worker.Worker{migrations, graph, keysQueue}, nil
}

// ensureSchedules creates what is missing: a sweep for each region and a
// rotation for each cell.
func (a *App) ensureSchedules(ctx context.Context) error {
	for _, region := range a.Config.Regions {
		if err := a.engine.EnsureSweep(ctx, region); err != nil {
			return err
		}
	}
	cells, err := a.Service.CellIDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range cells {
		call, err := service.RotationSchedule(id)
		if err != nil {
			return err
		}
		if err := a.engine.Deliver(ctx, call); err != nil {
			return err
		}
	}
	return nil
}

// redeliver is the loop that hands waiting calls to Temporal.
func (a *App) redeliver(ctx context.Context) {
	tick := time.NewTicker(redeliverEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := a.Service.RedeliverCalls(ctx); err != nil && !errors.Is(err, context.Canceled) {
			a.log.Warn("waiting engine calls could not be redelivered", zap.String(logkey.Kind, string(domain.KindOf(err))), zap.Error(err))
		}
	}
}
