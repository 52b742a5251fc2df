package attack

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

// TestLinksOfOthers: the one-use link of a session, and the address that returns to its leg.
func TestLinksOfOthers(t *testing.T) {
	gone, missing := http.StatusGone, http.StatusNotFound
	guess := func(name, token string) attack {
		return attack{name: name, status: missing, code: "link-unknown", prepare: func(s *scene) func() answer {
			return func() answer { return s.browser().get("/consent/start/" + token) }
		}}
	}
	run(t, []attack{
		{"a stolen link, opened after its administrator did", func(s *scene) func() answer {
			return func() answer { return s.browser().get(s.link) }
		}, gone, "link-bound", nothing},
		{"a stolen link in a browser with a session of its own", func(s *scene) func() answer {
			eve, _, _ := s.eve()
			return func() answer { return eve.get(s.link) }
		}, gone, "link-bound", nothing},
		{"a stolen link under the digest of the cookie", func(s *scene) func() answer {
			b := s.browser()
			b.setCookie(s.house.session(s.session).CookieDigest)
			return func() answer { return b.get(s.link) }
		}, gone, "link-bound", nothing},
		{"the digest of the link, from a stolen backup", func(s *scene) func() answer {
			return func() answer { return s.browser().get("/consent/start/" + s.house.session(s.session).StartDigest) }
		}, missing, "link-unknown", nothing},
		guess("a guessed link", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		guess("a link with a path", "..%2F..%2Fauth%2Fsign-in"),
		guess("a link that leads away", "https:%2F%2Fevil.test"),
		guess("a link with a line break", "x%0d%0aLocation:%20https:%2F%2Fevil.test"),
		guess("an over-long link", strings.Repeat("a", 16<<10)),
		{"a link that was finished", func(s *scene) func() answer {
			s.finish()
			return func() answer { return s.admin.get(s.link) }
		}, gone, "link-used", dead},
		{"a link that a newer one replaced", func(s *scene) func() answer {
			old, link := s.admin, s.link
			s.anew()
			return func() answer { return old.get(link) }
		}, gone, "link-used", nothing},
		{"an unopened link that a newer one replaced", func(s *scene) func() answer {
			_, unopened := s.as("mia-migrator").begin("contoso")
			s.anew()
			return func() answer { return s.browser().get(unopened) }
		}, gone, "link-used", nothing},
		{"a link that is too old", func(s *scene) func() answer {
			s.clock.Pass(25 * time.Hour)
			return func() answer { return s.admin.get(s.link) }
		}, gone, "link-expired", dead},
		{"another's leg begun again, without a cookie", func(s *scene) func() answer {
			return func() answer { return s.browser().get("/consent/again/" + s.session) }
		}, missing, "not-found", nothing},
		{"another's leg begun again, from a session of one's own", func(s *scene) func() answer {
			eve, _, _ := s.eve()
			return func() answer { return eve.get("/consent/again/" + s.session + "?fresh=1") }
		}, missing, "not-found", nothing},
		{"a leg begun again of a session that nobody knows", func(s *scene) func() answer {
			return func() answer { return s.admin.get("/consent/again/cs_unknown") }
		}, missing, "not-found", nothing},
		{"a finished session begun again", func(s *scene) func() answer {
			s.finish()
			return func() answer { return s.admin.get("/consent/again/" + s.session) }
		}, gone, "link-used", dead},
		{"the link of a migration that was cancelled", ended(domain.Cancelled, func(s *scene) answer { return s.admin.get(s.link) }), gone, "migration-ended", dead},
		{"the link of a migration that is closed", ended(domain.Closed, func(s *scene) answer { return s.admin.get(s.link) }), gone, "migration-ended", dead},
	})
}

func ended(phase domain.Phase, strike func(*scene) answer) func(*scene) func() answer {
	return func(s *scene) func() answer {
		s.end("contoso", phase)
		return func() answer { return strike(s) }
	}
}

// TestAnswersForAMigrationThatEnded: a consent that comes too late grants nothing. Its administrator is told, on a
// page that names nothing of the attempt.
func TestAnswersForAMigrationThatEnded(t *testing.T) {
	h := newHouse(t)
	for _, phase := range []domain.Phase{domain.Cancelled, domain.RolledBack, domain.Closed} {
		for name, prepare := range map[string]func(*scene) func() answer{
			"first leg": func(s *scene) func() answer { return func() answer { return s.admin.consented(s.state, contoso) } },
			"second leg": func(s *scene) func() answer {
				s.accept()
				return func() answer { return s.verify() }
			},
			"an error": func(s *scene) func() answer {
				return func() answer { return s.admin.come("state", s.state, "error", "access_denied") }
			},
		} {
			t.Run(string(phase)+", "+name, func(t *testing.T) {
				s := h.scene(t)
				granted := s.grants()
				strike := prepare(s)
				s.end("contoso", phase)
				before, seq := s.rows(), s.audited()
				got := strike()
				require.Equal(t, http.StatusForbidden, got.status, got.body)
				require.Subset(t, []string{"changes"}, changed(before, s.rows()))
				entries := s.audit(seq)
				require.Len(t, entries, 1)
				require.Equal(t, consent.CodeNotWaiting, entries[0].Code)
				require.Equal(t, granted, s.grants())
				require.Zero(t, s.microsoft.redeemed())
			})
		}
	}
}

// TestSignInsToTheConsole: the console's own sign-in is bound to its browser, too; otherwise an attacker could have
// somebody else consent in the attacker's account.
func TestSignInsToTheConsole(t *testing.T) {
	begin := func(h *house) (*browser, string) {
		b := h.browser()
		return b, b.get("/auth/sign-in").query("state")
	}
	h := newHouse(t)
	for name, test := range map[string]struct {
		code    string
		prepare func(*house) func() answer
	}{
		"another's answer slipped into this browser": {"sign-in-spent", func(h *house) func() answer {
			_, state := begin(h)
			victim, _ := begin(h)
			return func() answer { return victim.get("/auth/callback?code=fay-fabric&state=" + state) }
		}},
		"an answer in a browser that began nothing": {"sign-in-spent", func(h *house) func() answer {
			_, state := begin(h)
			return func() answer { return h.browser().get("/auth/callback?code=fay-fabric&state=" + state) }
		}},
		"a forged answer": {"sign-in-spent", func(h *house) func() answer {
			b, _ := begin(h)
			return func() answer { return b.get("/auth/callback?code=mia-migrator&state=forged") }
		}},
		"an answer without a state": {"sign-in-spent", func(h *house) func() answer {
			b, _ := begin(h)
			return func() answer { return b.get("/auth/callback?code=mia-migrator") }
		}},
		"an answer used before": {"sign-in-spent", func(h *house) func() answer {
			b, state := begin(h)
			require.Equal(h.t, http.StatusSeeOther, b.get("/auth/callback?code=mia-migrator&state="+state).status)
			return func() answer { return b.get("/auth/callback?code=mia-migrator&state=" + state) }
		}},
		"an answer that is too old": {"sign-in-spent", func(h *house) func() answer {
			b, state := begin(h)
			h.clock.Pass(11 * time.Minute)
			return func() answer { return b.get("/auth/callback?code=mia-migrator&state=" + state) }
		}},
		"somebody whom nobody invited": {"not-invited", func(h *house) func() answer {
			b, state := begin(h)
			return func() answer { return b.get("/auth/callback?code=mallory&state=" + state) }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			strike := test.prepare(h.scene(t).house)
			before, seq := h.rows(), h.audited()
			got := strike()
			require.GreaterOrEqual(t, got.status, 400, got.body)
			for _, row := range changed(before, h.rows()) {
				require.True(t, strings.HasPrefix(row, "sign_in_states/") && strings.HasSuffix(row, " is gone"), row)
			}
			entries := h.audit(seq)
			require.Equal(t, test.code, entries[len(entries)-1].Code)
			require.NotContains(t, got.header.Get("Set-Cookie"), "consentry_session=")
		})
	}
}
