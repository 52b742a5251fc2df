package attack

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

// at has n do the same at once and counts how each was answered.
func at(n int, do func(i int) int) map[int]int {
	statuses := make([]int, n)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			statuses[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	return count
}

const racers = 8

func TestFirstLegsThatRaceOpenOneSecond(t *testing.T) {
	s := newScene(t)
	seq := s.audited()
	got := at(racers, func(int) int { return s.admin.consented(s.state, contoso).status })
	require.Equal(t, map[int]int{http.StatusSeeOther: 1, http.StatusBadRequest: racers - 1}, got)
	require.Len(t, s.audit(seq), racers, "one went on, the others are refused; all are audited")
}

func TestSecondLegsThatRaceGrantOnce(t *testing.T) {
	s := newScene(t)
	s.accept()
	seq := s.audited()
	got := at(racers, func(int) int { return s.verify().status })
	require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusBadRequest: racers - 1}, got)
	require.Equal(t, 1, s.microsoft.redeemed())
	require.Equal(t, 1, s.grants())
	refused := 0
	for _, e := range s.audit(seq) {
		if e.Code == consent.CodeStateUnknown {
			refused++
		}
	}
	require.Equal(t, racers-1, refused)
}

func TestBrowsersThatRaceForALinkBindOne(t *testing.T) {
	h := newHouse(t)
	session, link := h.as("mia-migrator").begin("contoso")
	var browsers [racers]*browser
	for i := range browsers {
		browsers[i] = h.browser()
	}
	got := at(racers, func(i int) int { return browsers[i].get(link).status })
	require.Equal(t, map[int]int{http.StatusSeeOther: 1, http.StatusGone: racers - 1}, got)
	bound := 0
	for _, b := range browsers {
		if b.cookie() != "" {
			bound++
			require.Equal(t, consent.Hash(b.cookie()), h.session(session).CookieDigest)
		}
	}
	require.Equal(t, 1, bound)
}

// TestTwoAdministratorsOfOneMigration: both sign in at the same moment, each in a session of his own.
func TestTwoAdministratorsOfOneMigration(t *testing.T) {
	s := newScene(t)
	s.accept()
	second, link := s.as("ana-approver").begin("contoso")
	other := s.browser()
	back := other.consented(other.get(link).query("state"), contoso)
	// The service answers both with one token, so one of them meets the other's: the nonce holds them apart.
	s.microsoft.answers(microsofts().signed(t, "key-1", s.microsoft.administrator(contoso, s.nonce)))
	got := at(2, func(i int) int {
		if i == 0 {
			return s.admin.come("state", s.state, "code", "one").status
		}
		return other.come("state", back.query("state"), "code", "two").status
	})
	require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusForbidden: 1}, got)
	require.Equal(t, 1, s.grants())
	require.Equal(t, domain.ConfirmingConsent, s.migration("contoso").Phase)
	require.Equal(t, s.session, s.migration("contoso").ConsentSession)
	require.Equal(t, domain.ConsentExpired, s.house.session(second).Outcome)
	require.Equal(t, 1, s.sessions(domain.ConsentVerified))
	require.Zero(t, s.sessions(domain.ConsentOpen))
}

// TestCrossedAnswersOfTwoMigrations: two browsers, two accounts, and each comes back with the other's answer; then
// both finish with their own.
func TestCrossedAnswersOfTwoMigrations(t *testing.T) {
	s := newScene(t)
	eve, session, hers := s.eve()
	before, seq := s.rows(), s.audited()
	require.Equal(t, http.StatusBadRequest, s.admin.consented(hers, fabric).status)
	require.Equal(t, http.StatusBadRequest, eve.consented(s.state, contoso).status)
	require.Empty(t, changed(before, s.rows()))
	entries := s.audit(seq)
	require.Len(t, entries, 2)
	require.Equal(t, "acc-fabric", entries[0].Chain, "each account's audit tells of its own session")
	require.Equal(t, "acc-contoso", entries[1].Chain)

	back := eve.consented(hers, fabric)
	s.microsoft.answers(microsofts().signed(t, "key-1", s.microsoft.administrator(fabric, back.query("nonce"))))
	eve.come("state", back.query("state"), "code", "code")
	require.Equal(t, domain.ConsentVerified, s.house.session(session).Outcome)
	s.finish()
}

// TestTwoMigrationsInOneBrowser: an administrator of several customers has both open side by side. Each answer counts
// for the attempt its state names, and only with that attempt's tenant.
func TestTwoMigrationsInOneBrowser(t *testing.T) {
	s := newScene(t)
	session, link := s.as("fay-fabric").begin("fabric")
	state := s.admin.get(link).query("state")
	require.Equal(t, s.house.session(s.session).CookieDigest, s.house.session(session).CookieDigest)

	require.Equal(t, http.StatusForbidden, s.admin.consented(state, contoso).status, "the tenant of the other attempt")
	require.Equal(t, domain.ConsentRefused, s.house.session(session).Outcome)
	require.Equal(t, consent.CodeTenantMismatch, s.migration("fabric").ConsentCode)
	require.Empty(t, s.migration("contoso").ConsentCode)
	s.finish()
}

// TestAnErrorWithoutAStateEndsOneSessionOfItsBrowser and of nobody else; with two open ones nobody can tell.
func TestAnErrorWithoutAStateEndsOneSessionOfItsBrowser(t *testing.T) {
	s := newScene(t)
	eve, hers, _ := s.eve()
	require.Equal(t, http.StatusSeeOther, eve.come("error", "access_denied").status)
	require.Equal(t, domain.ConsentRefused, s.house.session(hers).Outcome)
	require.Equal(t, domain.ConsentOpen, s.house.session(s.session).Outcome)

	_, link := s.as("fay-fabric").begin("fabric")
	s.admin.get(link)
	before, seq := s.rows(), s.audited()
	require.Equal(t, http.StatusBadRequest, s.admin.come("error", "access_denied").status)
	require.Empty(t, changed(before, s.rows()))
	require.Len(t, s.audit(seq), 1)
	s.finish()
}
