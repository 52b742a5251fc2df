package health

import (
	"context"
	"errors"
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

func TestALeavingAskerDoesNotSpoilTheRound(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	m := New(time.Now, 0, zap.NewNop(), Probe{Name: "database", Check: func(ctx context.Context) error { return ctx.Err() }})
	require.True(t, m.Report(gone).Ready)
}
