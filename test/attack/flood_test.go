package attack

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// mostWritten is what refusals of strangers may write at once, whoever sends how many: the allowances of
// internal/service/record_strangers.go (one source, all guesses).
const (
	mostOfOneSource = 60
	mostOfAll       = 300
)

// flood sends forged requests from n sources, without a network between, which would only make it slower.
func (s *scene) flood(times, sources int, path func(i int) string) {
	s.t.Helper()
	for i := range times {
		r := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, path(i), nil)
		r.RemoteAddr = fmt.Sprintf("198.51.100.%d:4711", i%sources)
		w := httptest.NewRecorder()
		s.echo.ServeHTTP(w, r)
		require.GreaterOrEqual(s.t, w.Code, http.StatusBadRequest, path(i))
	}
}

func (h *house) audits() (n int) {
	h.t.Helper()
	h.read(func(r service.Rows) (err error) {
		n, err = r.Audit().Count(service.Query{})
		return err
	})
	return n
}

// TestAFloodOfForgedCallbacksDoesNotFillTheDatabase: the honest administrator in the middle of it is served and
// audited, and one entry says how many were not written.
func TestAFloodOfForgedCallbacksDoesNotFillTheDatabase(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	forged := func(i int) string {
		return "/consent/callback?" + url.Values{"state": {strings.Repeat("f", 30) + strconv.Itoa(i)}, "admin_consent": {"True"}, "tenant": {contoso}}.Encode()
	}
	before, seq := s.audits(), s.audited()
	s.flood(5_000, 1, forged)
	require.LessOrEqual(t, s.audits()-before, mostOfOneSource)

	honest := s.audited()
	s.finish()
	var done []string
	for _, e := range s.audit(honest) {
		done = append(done, e.Action)
	}
	require.Contains(t, done, "verify-consent", "what is not forged is audited all the same")

	s.flood(5_000, 200, forged)
	refused := 0
	for _, e := range s.audit(seq) {
		if e.Action == "consent-return" && e.Code == "state_unknown" {
			refused++
		}
	}
	require.LessOrEqual(t, refused, mostOfAll)
	require.GreaterOrEqual(t, refused, mostOfOneSource, "the first ones are written")

	require.NoError(t, s.service.SumUpStrangers(t.Context(), false))
	require.Empty(t, s.sums(seq), "the window is not over")
	s.clock.Pass(time.Minute)
	require.NoError(t, s.service.SumUpStrangers(t.Context(), false))
	require.NoError(t, s.service.SumUpStrangers(t.Context(), true))
	sums := s.sums(seq)
	require.Len(t, sums, 1)
	require.Equal(t, strconv.Itoa(10_000-refused), sums[0].Detail["consent-return/state_unknown"])
	require.Contains(t, sums[0].Detail, "since")
}

// sums are the entries that stand for many.
func (h *house) sums(after int64) (sums []domain.AuditEntry) {
	h.t.Helper()
	for _, e := range h.audit(after) {
		if e.Action == "strangers-refused" {
			sums = append(sums, e)
		}
	}
	return sums
}

// TestOtherFloodsOfStrangers: every address that needs no login is bounded alike.
func TestOtherFloodsOfStrangers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for name, path := range map[string]func(i int) string{
		"start links":             func(i int) string { return "/consent/start/" + strings.Repeat("g", 30) + strconv.Itoa(i) },
		"further tries":           func(i int) string { return "/consent/again/cs_" + strconv.Itoa(i) },
		"sign-ins":                func(i int) string { return "/auth/callback?code=x&state=" + strconv.Itoa(i) },
		"answers without a state": func(int) string { return "/consent/callback?error=access_denied" },
	} {
		before := s.audits()
		s.clock.Pass(2 * time.Hour) // the allowance is there again
		s.flood(100, 1, path)
		require.Equal(t, mostOfOneSource, s.audits()-before, name)
	}
}

// TestAGuessDoesNotHideAnAimedAttack: whoever knows a state and uses it elsewhere is on the account's record although
// others guess.
func TestAGuessDoesNotHideAnAimedAttack(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.flood(500, 10, func(i int) string { return "/consent/callback?state=" + strconv.Itoa(i) })
	seq := s.audited()
	require.Equal(t, http.StatusBadRequest, s.browser().consented(s.state, contoso).status)
	entries := s.audit(seq)
	require.Len(t, entries, 1)
	require.Equal(t, "wrong_browser", entries[0].Code)
	require.Equal(t, "acc-contoso", entries[0].Chain)
}
