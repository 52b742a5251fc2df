// Package health asks the parts that a process stands on how they are, and keeps
// since when: the answer names the part that is ill, what that means and what
// to do, so that nobody has to guess it from the errors of requests.
package health

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"consentry/internal/logkey"
)

// Probe asks one part. What an ill part means and what to do is written here
// once: the error itself goes to the log, for it may name hosts and users.
type Probe struct {
	Name   string
	Check  func(context.Context) error
	Means  string
	Remedy string
	// Advisory parts are shown and do not make the process unready: while one is
	// ill, most of what people ask for still works.
	Advisory bool
	// Every is how long an answer counts: a call to a key service costs money.
	// 0: it is asked each time.
	Every time.Duration
	// On names the part that has to answer for this one to be known. Once it was
	// ill, this one is asked in the next round, however fresh its answer is.
	On string
}

// NotAsked is what Check gives when the question met no answer: nothing is known
// of the part then, and it stays as it was last known. The part that did not
// answer speaks for itself.
type NotAsked struct{ Err error }

// Error implements error.
func (e *NotAsked) Error() string { return "the question met no answer: " + e.Err.Error() }

func (e *NotAsked) Unwrap() error { return e.Err }

// Part is how one part was at AsOf.
type Part struct {
	Name     string    `json:"name"`
	Ready    bool      `json:"ready"`
	Advisory bool      `json:"advisory,omitempty" doc:"Its illness does not make the process unready."`
	Since    time.Time `json:"since" doc:"Since when it is so, as far as this process knows."`
	AsOf     time.Time `json:"asOf"`
	Text     string    `json:"text,omitempty" doc:"What its illness means."`
	Remedy   string    `json:"remedy,omitempty" doc:"What to do."`

	stale bool // the last question met no answer: the next round asks again
}

// Report is how the process is.
type Report struct {
	Ready bool      `json:"ready"`
	AsOf  time.Time `json:"asOf"`
	Parts []Part    `json:"parts" nullable:"false"`
}

// probeFor bounds one probe: a part that answers later is of no use to a
// balancer that waits.
const probeFor = 2 * time.Second

// Monitor asks the parts on demand, one round at a time: whoever asks meanwhile
// waits for the same round, so that asking often is no load on the parts.
type Monitor struct {
	now    func() time.Time
	log    *zap.Logger
	probes []Probe
	fresh  time.Duration

	mu   sync.Mutex
	last Report
}

// New makes a Monitor whose answer counts for fresh.
func New(now func() time.Time, fresh time.Duration, log *zap.Logger, probes ...Probe) *Monitor {
	return &Monitor{now: now, fresh: fresh, log: log, probes: probes}
}

// Report tells how the parts are, asking those whose last answer is too old.
func (m *Monitor) Report(ctx context.Context) Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now().UTC()
	if m.last.Parts != nil && now.Sub(m.last.AsOf) < m.fresh {
		return m.last
	}
	parts := make([]Part, len(m.probes))
	// Others wait for this round: it must not end because who began it left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeFor)
	defer cancel()
	var all sync.WaitGroup
	for i, p := range m.probes {
		if m.last.Parts != nil && m.counts(p, m.last.Parts[i], now) {
			parts[i] = m.last.Parts[i]
			continue
		}
		all.Go(func() { parts[i] = m.ask(ctx, p, i, now) })
	}
	all.Wait()
	r := Report{Ready: true, AsOf: now, Parts: parts}
	for _, p := range parts {
		r.Ready = r.Ready && (p.Ready || p.Advisory)
	}
	m.last = r
	return r
}

// counts reports whether the last answer of a part still does.
func (m *Monitor) counts(p Probe, last Part, now time.Time) bool {
	ill := func(on Part) bool { return on.Name == p.On && !on.Ready }
	return now.Sub(last.AsOf) < p.Every && !last.stale && !slices.ContainsFunc(m.last.Parts, ill)
}

func (m *Monitor) ask(ctx context.Context, p Probe, i int, now time.Time) Part {
	err := p.Check(ctx)
	if _, unknown := errors.AsType[*NotAsked](err); unknown {
		return m.lastKnown(p, i, now)
	}
	part := Part{Name: p.Name, Ready: err == nil, Advisory: p.Advisory, Since: now, AsOf: now}
	if err != nil {
		part.Text, part.Remedy = p.Means, p.Remedy
	}
	first := m.last.Parts == nil
	if !first && m.last.Parts[i].Ready == part.Ready {
		part.Since = m.last.Parts[i].Since
		return part
	}
	switch { // a change is logged, not every round
	case err != nil:
		m.log.Warn("a part is ill", zap.String(logkey.Part, p.Name), zap.String(logkey.Means, p.Means), zap.String(logkey.Remedy, p.Remedy), zap.Error(err))
	case !first:
		m.log.Info("a part is well again", zap.String(logkey.Part, p.Name))
	}
	return part
}

// lastKnown is a part of which nothing is known now. One that never was speaks of
// no trouble: what it stands on does.
func (m *Monitor) lastKnown(p Probe, i int, now time.Time) Part {
	part := Part{Name: p.Name, Ready: true, Advisory: p.Advisory, Since: now, AsOf: now}
	if m.last.Parts != nil {
		part = m.last.Parts[i]
	}
	part.stale = true
	return part
}

// Brief is the report without sentences, for whoever asks on the public
// address: a balancer needs the verdict, and a stranger need not learn which
// key service or database we use and what we do when it fails.
func (r Report) Brief() Report {
	brief := Report{Ready: r.Ready, AsOf: r.AsOf, Parts: make([]Part, len(r.Parts))}
	for i, p := range r.Parts {
		p.Text, p.Remedy = "", ""
		brief.Parts[i] = p
	}
	return brief
}
