package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"consentry/internal/build"
	"consentry/internal/domain"
	"consentry/internal/health"
	"consentry/internal/service"
	"consentry/internal/store"
)

// tellEvery is how often a process says that it is there.
const tellEvery = 15 * time.Second

// presence tells the others, through the database, that this process runs and
// with which build.
type presence struct {
	app  *App
	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}
	bye  sync.Once

	mu  sync.Mutex
	own domain.Process
}

// newPresence knows this process; it tells nothing yet.
func (a *App) newPresence() (*presence, error) {
	schema, err := store.KnownSchemaVersion()
	if err != nil {
		return nil, err
	}
	p := &presence{app: a, wake: make(chan struct{}, 1)}
	p.own = domain.Process{ID: domain.NewID("prc"), Program: cmp.Or(a.Config.Process, "consentry-dev"), SchemaVersion: schema, StartedAt: domain.At(time.Now())}
	p.own.Version, p.own.Revision = build.Name()
	return p, nil
}

// does adds what this process does, and begins to tell.
func (p *presence) does(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.own.Kinds = append(slices.Clone(p.own.Kinds), kind)
	if p.done == nil {
		ctx, stop := context.WithCancel(context.Background()) //nolint:forbidigo // ends with the process, not with whoever started it
		p.stop, p.done = stop, make(chan struct{})
		go p.tell(ctx)
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *presence) tell(ctx context.Context) {
	defer close(p.done)
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-tick.C:
		}
		p.mu.Lock()
		own := p.own
		p.mu.Unlock()
		own.Incompatible = p.app.foreign.names()
		if err := p.app.Service.TellProcess(ctx, own); err != nil && ctx.Err() == nil {
			p.app.log.Debug("this process could not tell the others that it runs", zap.Error(err)) // the health of the database says so aloud
		}
	}
}

// close says goodbye: who is missed without one has died.
func (p *presence) close() {
	if p.done == nil {
		return
	}
	p.bye.Do(p.goodbye)
}

func (p *presence) goodbye() {
	p.stop()
	<-p.done
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) //nolint:forbidigo // it is closed when everything that had a context is over
	defer cancel()
	if err := p.app.Service.RetireProcess(ctx, p.own.ID); err != nil {
		p.app.log.Debug("this process could not say goodbye; the others miss it for a while", zap.Error(err))
	}
}

// named tells Temporal which process and build polls, in place of the machine
// and its user; the UI shows it beside each task and worker.
func (a *App) named(o *client.Options) {
	o.Identity = a.presence.own.Program + " " + a.presence.own.ID + " " + a.presence.own.Build()
}

// troubles are those of a sort, as one error.
func (a *App) troubles(ctx context.Context, about func(service.ProcessTrouble) bool) error {
	r, err := a.Service.Processes(ctx, domain.System("health"))
	if err != nil {
		return &health.NotAsked{Err: err}
	}
	var errs []error
	for _, t := range r.Troubles {
		if about(t) {
			errs = append(errs, errors.New(t.Text))
		}
	}
	return errors.Join(errs...)
}

// absent: a kind of process is missing, and not only because everything has just
// been started.
func (a *App) absent(t service.ProcessTrouble) bool {
	return t.ProcessID == "" && time.Since(a.presence.own.StartedAt.Time) > service.ProcessLostAfter
}

func misfit(t service.ProcessTrouble) bool { return t.ProcessID != "" }

// processProbes show what does not fit among the processes. This one can do its
// work all the same.
func (a *App) processProbes() []health.Probe {
	return []health.Probe{
		{
			Name: "processes", On: "database", Advisory: true, Every: tellEvery, Check: func(ctx context.Context) error { return a.troubles(ctx, a.absent) },
			Means:  "No worker or no API was heard of for a while. What is decided meanwhile is kept; nothing is lost.",
			Remedy: "`consentry status` says which. Start it; if it ends again, the last lines of its log say why.",
		},
		{
			Name: "builds", On: "database", Advisory: true, Every: tellEvery, Check: func(ctx context.Context) error { return a.troubles(ctx, misfit) },
			Means:  "Processes of different builds run beside each other, or one cannot replay what another recorded. During an upgrade that is as it should be.",
			Remedy: "`consentry status` names the build that does not fit: finish the upgrade, or take it back.",
		},
	}
}
