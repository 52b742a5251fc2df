package health

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

type parts struct {
	now   time.Time
	ill   map[string]error
	asked map[string]int
}

func (p *parts) probe(name string, advisory bool, every time.Duration) Probe {
	return Probe{
		Name: name, Advisory: advisory, Every: every, Means: name + " is ill.", Remedy: "Mend " + name + ".",
		Check: func(context.Context) error { p.asked[name]++; return p.ill[name] },
	}
}

func newParts(t *testing.T, fresh time.Duration) (*parts, *Monitor, *observer.ObservedLogs) {
	t.Helper()
	p := &parts{now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), ill: map[string]error{}, asked: map[string]int{}}
	core, logged := observer.New(zapcore.DebugLevel)
	// One probe a kind: they run side by side, so each writes its own count.
	m := New(func() time.Time { return p.now }, fresh, zap.New(core), p.probe("database", false, 0))
	return p, m, logged
}

func TestAnIllPartIsNamedWithSinceMeaningAndRemedy(t *testing.T) {
	p, m, logged := newParts(t, 0)
	began := p.now
	r := m.Report(t.Context())
	require.True(t, r.Ready)
	require.Equal(t, Part{Name: "database", Ready: true, Since: began, AsOf: began}, r.Parts[0])

	p.now = p.now.Add(time.Minute)
	fell := p.now
	p.ill["database"] = errors.New("dial db.internal as user consentry: refused")
	for range 3 {
		r = m.Report(t.Context())
		require.False(t, r.Ready)
		require.Equal(t, Part{Name: "database", Since: fell, AsOf: p.now, Text: "database is ill.", Remedy: "Mend database."}, r.Parts[0])
		require.Equal(t, Part{Name: "database", Since: fell, AsOf: p.now}, r.Brief().Parts[0])
		p.now = p.now.Add(time.Minute)
	}
	require.Len(t, logged.FilterMessage("a part is ill").All(), 1, "a change is logged, not every question")

	delete(p.ill, "database")
	r = m.Report(t.Context())
	require.True(t, r.Ready)
	require.Equal(t, p.now, r.Parts[0].Since)
	require.Len(t, logged.FilterMessage("a part is well again").All(), 1)
}

func TestAskingOftenIsNoLoad(t *testing.T) {
	p, m, _ := newParts(t, time.Second)
	for range 10 {
		m.Report(t.Context())
	}
	require.Equal(t, 1, p.asked["database"])
	p.now = p.now.Add(time.Second)
	m.Report(t.Context())
	require.Equal(t, 2, p.asked["database"])
}

func TestADearPartIsAskedSeldomAndAnAdvisoryOneDoesNotDecide(t *testing.T) {
	p := &parts{now: time.Unix(0, 0), ill: map[string]error{"keys": nil, "microsoft": errors.New("503")}, asked: map[string]int{}}
	keys := New(func() time.Time { return p.now }, 0, zap.NewNop(), p.probe("keys", false, time.Minute))
	for range 3 {
		require.True(t, keys.Report(t.Context()).Ready)
		p.now = p.now.Add(20 * time.Second)
	}
	require.Equal(t, 1, p.asked["keys"])
	keys.Report(t.Context())
	require.Equal(t, 2, p.asked["keys"])

	advisory := New(func() time.Time { return p.now }, 0, zap.NewNop(), p.probe("microsoft", true, 0))
	r := advisory.Report(t.Context())
	require.True(t, r.Ready)
	require.False(t, r.Parts[0].Ready)
	require.NotEmpty(t, r.Parts[0].Remedy)
}

// A part of which nothing can be known stays as it was known; what it stands on
// speaks, and it is asked again in the next round.
func TestWhatCannotBeAskedIsNoTroubleOfItsOwn(t *testing.T) {
	p := &parts{now: time.Unix(0, 0), ill: map[string]error{}, asked: map[string]int{}}
	database, schema := p.probe("database", false, 0), p.probe("schema", false, time.Minute)
	schema.On = "database"
	core, logged := observer.New(zapcore.DebugLevel)
	// One after the other: the two probes share the counts.
	var turns sync.Mutex
	for _, probe := range []*Probe{&database, &schema} {
		check := probe.Check
		probe.Check = func(ctx context.Context) error {
			turns.Lock()
			defer turns.Unlock()
			return check(ctx)
		}
	}
	m := New(func() time.Time { return p.now }, 0, zap.New(core), database, schema)
	fall := func(of error) {
		p.ill["database"], p.ill["schema"] = of, nil
		if of != nil {
			p.ill["schema"] = &NotAsked{of}
		}
	}
	round := func() Report {
		p.now = p.now.Add(time.Second)
		return m.Report(t.Context())
	}
	away := errors.New("connection refused")

	fall(away) // from the start
	r := round()
	require.False(t, r.Ready)
	require.True(t, r.Parts[1].Ready)
	require.Empty(t, r.Parts[1].Text)
	fall(nil)
	require.True(t, round().Ready)
	require.Equal(t, 2, p.asked["schema"], "asked again at once")
	known := p.now

	fall(away)
	for range 3 {
		r = round()
		require.False(t, r.Parts[0].Ready)
		require.True(t, r.Parts[1].Ready)
		require.Equal(t, known, r.Parts[1].AsOf.Local(), "as of when it was known")
	}
	fall(nil)
	p.ill["schema"] = errors.New("another version") // restored meanwhile, from a backup
	r = round()
	require.True(t, r.Parts[0].Ready)
	require.False(t, r.Parts[1].Ready, "found as soon as it can be asked")

	fall(away)
	require.Equal(t, "schema is ill.", round().Parts[1].Text, "what was known to be ill still is")
	fall(nil)
	require.True(t, round().Ready)

	asked := p.asked["schema"]
	round()
	require.Equal(t, asked, p.asked["schema"], "an answer counts for its time")
	for _, line := range logged.FilterMessage("a part is ill").All() {
		require.NotContains(t, line.ContextMap()["error"], "met no answer")
	}
}

func TestALeavingAskerDoesNotSpoilTheRound(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	m := New(time.Now, 0, zap.NewNop(), Probe{Name: "database", Check: func(ctx context.Context) error { return ctx.Err() }})
	require.True(t, m.Report(gone).Ready)
}
