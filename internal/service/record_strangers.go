package service

import (
	"context"
	"maps"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"consentry/internal/domain"
)

// What strangers may have written of them one by one. Whoever is not signed in
// can send refused requests without end; their audit entries must not fill the
// database, nor may one sender's flood hide the traces of another. So each
// source has a small allowance, all together have a larger one, and what goes
// beyond is counted and summed up in one entry a window: at most
// strangersBurst + 10 a minute entries and one sum a minute from each process.
//
// An answer that names a live attempt, but comes from another browser, is a
// stronger sign than a guess: it has an allowance of its own, which guessing
// cannot use up.
const (
	sourceBurst    = 60
	sourceEvery    = time.Minute
	strangersBurst = 300
	strangersEvery = 6 * time.Second
	maxSources     = 10_000
	surplusWindow  = time.Minute
)

// strangers keeps the allowances and the sum of what was refused beyond them.
// It is one process's: several of them each allow as much.
type strangers struct {
	mu      sync.Mutex
	sources map[string]*rate.Limiter
	others  *rate.Limiter // of the sources beyond maxSources
	guesses *rate.Limiter
	aimed   *rate.Limiter
	surplus map[string]int // by action and code
	since   time.Time
}

func newStrangers() *strangers {
	all := func() *rate.Limiter { return rate.NewLimiter(rate.Every(strangersEvery), strangersBurst) }
	return &strangers{sources: map[string]*rate.Limiter{}, others: oneSource(), guesses: all(), aimed: all(), surplus: map[string]int{}}
}

func oneSource() *rate.Limiter { return rate.NewLimiter(rate.Every(sourceEvery), sourceBurst) }

// allow reports whether this refusal is written by itself; else it is counted.
func (s *strangers) allow(now time.Time, source, what string, aimed bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.guesses
	if aimed {
		all = s.aimed
	}
	if s.limiter(now, source).AllowN(now, 1) && all.AllowN(now, 1) {
		return true
	}
	if len(s.surplus) == 0 {
		s.since = now
	}
	s.surplus[what]++
	return false
}

// limiter gives a source its own, as long as there is room. A source that has
// its whole allowance again is forgotten first.
func (s *strangers) limiter(now time.Time, source string) *rate.Limiter {
	if l := s.sources[source]; l != nil {
		return l
	}
	if len(s.sources) >= maxSources {
		maps.DeleteFunc(s.sources, func(_ string, l *rate.Limiter) bool { return l.TokensAt(now) >= sourceBurst })
	}
	if len(s.sources) >= maxSources {
		return s.others
	}
	l := oneSource()
	s.sources[source] = l
	return l
}

// take hands out the sum of a window that is over, or of any when all.
func (s *strangers) take(now time.Time, all bool) (sum map[string]int, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.surplus) == 0 || (!all && now.Sub(s.since) < surplusWindow) {
		return nil, time.Time{}
	}
	sum, s.surplus = s.surplus, map[string]int{}
	return sum, s.since
}

func (s *strangers) giveBack(sum map[string]int, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = since
	for what, n := range sum {
		s.surplus[what] += n
	}
}

type sourceKey struct{}

// WithSource notes the address that a request came from. An IPv6 network of 64
// bits is one source: whoever has one address of it has them all.
func WithSource(ctx context.Context, address string) context.Context {
	if ip, err := netip.ParseAddr(address); err == nil {
		ip = ip.Unmap()
		if network, err := ip.Prefix(64); err == nil && ip.Is6() {
			address = network.String()
		}
	}
	return context.WithValue(ctx, sourceKey{}, address)
}

func sourceOf(ctx context.Context) string {
	source, _ := ctx.Value(sourceKey{}).(string)
	return source
}

// auditStranger writes that something of a stranger was refused, within the
// allowance. The address is not written: it would be personal data.
func (s *Service) auditStranger(ctx context.Context, caller domain.Caller, accountID, action, subject, code string) error {
	s.observe.StrangerRefused(action)
	if !s.strangers.allow(s.now(), sourceOf(ctx), action+"/"+code, accountID != "") {
		return nil
	}
	return s.store.Write(context.WithoutCancel(ctx), func(rows Rows) error {
		tx := &Tx{Rows: rows, Caller: caller, Now: s.now()}
		return tx.Audit(accountID, action, subject, "refused", code, nil)
	})
}

// SumUpStrangers writes one entry for the refusals of strangers that were not
// written one by one, once their window is over, or at once when the process
// stops (all).
func (s *Service) SumUpStrangers(ctx context.Context, all bool) error {
	sum, since := s.strangers.take(s.now(), all)
	if sum == nil {
		return nil
	}
	err := s.store.Write(ctx, func(rows Rows) error {
		tx := &Tx{Rows: rows, Caller: domain.System("api"), Now: s.now()}
		detail := map[string]string{"since": since.UTC().Format(time.RFC3339)}
		for what, n := range sum {
			detail[what] = strconv.Itoa(n)
		}
		return tx.Audit("", "strangers-refused", "surplus", "refused", "not-written-one-by-one", detail)
	})
	if err != nil {
		s.strangers.giveBack(sum, since)
		s.logFor(ctx).Warn("the sum of strangers' refusals could not be written yet", zap.Error(err))
	}
	return err
}
