package attack

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

// TestForgedCallbacks: what belongs to no attempt of this browser leaves its trace in the audit and nowhere else.
func TestForgedCallbacks(t *testing.T) {
	bad, stray := http.StatusBadRequest, func(name, code string, prepare func(*scene) func() answer) attack {
		return attack{name: name, prepare: prepare, status: http.StatusBadRequest, code: code}
	}
	long := strings.Repeat("a", 16<<10)
	forged := func(state string) func(*scene) func() answer {
		return func(s *scene) func() answer { return func() answer { return s.admin.consented(state, contoso) } }
	}
	run(t, []attack{
		stray("a state that was never given", "state_unknown", forged("forged")),
		stray("the digest of the state, from a stolen backup", "state_unknown", func(s *scene) func() answer {
			return func() answer { return s.admin.consented(s.house.session(s.session).StateDigest, contoso) }
		}),
		stray("the start token in place of the state", "state_unknown", func(s *scene) func() answer {
			return func() answer { return s.admin.consented(strings.TrimPrefix(s.link, "/consent/start/"), contoso) }
		}),
		stray("an empty state", "state_missing", forged("")),
		stray("a state that begins well and goes on", "state_unknown", func(s *scene) func() answer {
			return func() answer { return s.admin.consented(s.state+"x", contoso) }
		}),
		stray("an over-long state", "state_unknown", forged(long)),
		stray("a state with line breaks and a header", "state_unknown", func(s *scene) func() answer {
			return func() answer {
				a := s.admin.consented("x\r\nSet-Cookie: consentry_consent=planted\r\n\r\n<script>", contoso)
				require.Empty(s.t, a.header.Get("Set-Cookie"))
				require.NotContains(s.t, a.body, "<script>")
				return a
			}
		}),
		stray("a state with a null byte and broken UTF-8", "state_unknown", forged("\x00\xff\xfe")),
		stray("a state that is SQL", "state_unknown", forged("' OR '1'='1")),
		stray("success without a state", "state_missing", func(s *scene) func() answer {
			return func() answer { return s.admin.come("admin_consent", "True", "tenant", contoso) }
		}),
		stray("a sign-in without a state", "state_missing", func(s *scene) func() answer {
			return func() answer { return s.admin.come("code", "code") }
		}),
		stray("an error without a state from an unknown browser", "state_missing", func(s *scene) func() answer {
			return func() answer { return s.browser().come("error", "access_denied") }
		}),
		stray("an error without a state under an invented cookie", "state_missing", func(s *scene) func() answer {
			b := s.browser()
			b.setCookie("invented")
			return func() answer { return b.come("error", "access_denied") }
		}),
		stray("an error with a state that was never given", "state_unknown", func(s *scene) func() answer {
			return func() answer { return s.admin.come("error", "access_denied", "state", "forged") }
		}),
		stray("an error with the state of another browser", "wrong_browser", func(s *scene) func() answer {
			eve, _, _ := s.eve()
			return func() answer {
				return eve.come("error", "access_denied", "error_description", "AADSTS65004", "state", s.state)
			}
		}),
		stray("two equal states", "malformed_return", func(s *scene) func() answer {
			return func() answer {
				return s.admin.come("admin_consent", "True", "tenant", contoso, "state", s.state, "state", s.state)
			}
		}),
		stray("an own state and a foreign one", "malformed_return", func(s *scene) func() answer {
			eve, _, own := s.eve()
			return func() answer {
				return eve.come("state", own, "state", s.state, "admin_consent", "True", "tenant", contoso)
			}
		}),
		stray("an empty state before the real one", "malformed_return", func(s *scene) func() answer {
			return func() answer { return s.admin.come("state", "", "state", s.state, "error", "access_denied") }
		}),
		stray("the right state in a browser without a cookie", "wrong_browser", func(s *scene) func() answer {
			return func() answer { return s.browser().consented(s.state, contoso) }
		}),
		stray("the right state in the browser of another account", "wrong_browser", func(s *scene) func() answer {
			eve, _, _ := s.eve()
			return func() answer { return eve.consented(s.state, contoso) }
		}),
		stray("the digest of the cookie, from a stolen backup", "wrong_browser", func(s *scene) func() answer {
			b := s.browser()
			b.setCookie(s.house.session(s.session).CookieDigest)
			return func() answer { return b.consented(s.state, contoso) }
		}),
		stray("an attacker's answer slipped into the administrator's browser", "wrong_browser", func(s *scene) func() answer {
			_, _, hers := s.eve()
			return func() answer { return s.admin.consented(hers, fabric) }
		}),
		stray("an attacker's code slipped into the administrator's browser", "wrong_browser", func(s *scene) func() answer {
			eve, _, first := s.eve()
			second := eve.consented(first, fabric).query("state")
			return func() answer { return s.admin.come("state", second, "code", "code-of-eve") }
		}),
		stray("a first leg answered twice", "state_unknown", func(s *scene) func() answer {
			first := s.state
			s.accept()
			return func() answer { return s.admin.consented(first, contoso) }
		}),
		stray("a first leg begun anew and answered with the old state", "state_unknown", func(s *scene) func() answer {
			first := s.state
			s.at(s.admin.get(s.link))
			return func() answer { return s.admin.consented(first, contoso) }
		}),
		stray("a second leg from another browser", "wrong_browser", func(s *scene) func() answer {
			s.accept()
			return func() answer { return s.browser().come("state", s.state, "code", "stolen-code") }
		}),
		stray("a second leg from the browser of another account", "wrong_browser", func(s *scene) func() answer {
			s.accept()
			eve, _, _ := s.eve()
			return func() answer { return eve.come("state", s.state, "code", "stolen-code") }
		}),
		stray("the state of a session that a newer one replaced", "state_unknown", func(s *scene) func() answer {
			old, state := s.admin, s.state
			s.anew()
			return func() answer { return old.consented(state, contoso) }
		}),
		stray("an already consented tenant without a session of this browser", "state_missing", func(s *scene) func() answer {
			s.finishOther()
			return func() answer { return s.browser().come("admin_consent", "True", "tenant", contoso) }
		}),
		{"a second leg answered twice", func(s *scene) func() answer {
			s.accept()
			state := s.state
			s.finish()
			return func() answer { return s.admin.come("state", state, "code", "good-code") }
		}, bad, "state_unknown", dead},
		{"a first leg that took too long", func(s *scene) func() answer {
			s.clock.Pass(11 * time.Minute)
			return func() answer { return s.admin.consented(s.state, contoso) }
		}, bad, "state_expired", dead},
		{"a second leg that took too long", func(s *scene) func() answer {
			s.accept()
			s.clock.Pass(11 * time.Minute)
			return func() answer { return s.admin.come("state", s.state, "code", "good-code") }
		}, bad, "state_expired", dead},
	})
}

// finishOther has the account's other integration of the same tenant consented, by its own session.
func (s *scene) finishOther() {
	s.t.Helper()
	b := s.browser()
	session, link := s.as("mia-migrator").begin("contoso-two")
	back := b.consented(b.get(link).query("state"), contoso)
	s.microsoft.answers(microsofts().signed(s.t, "key-1", s.microsoft.administrator(contoso, back.query("nonce"))))
	require.Equal(s.t, http.StatusOK, b.come("state", back.query("state"), "code", "code").status)
	require.Equal(s.t, domain.ConsentVerified, s.house.session(session).Outcome)
}

// TestAnOwnSessionProvesNothing: the attacker's own session, with its own state and cookie, and a first leg that
// says what it likes. It ends, and that is all.
func TestAnOwnSessionProvesNothing(t *testing.T) {
	own := func(name, code string, parameters ...string) attack {
		return attack{name: name, status: http.StatusForbidden, code: code, changes: over, prepare: func(s *scene) func() answer {
			return func() answer { return s.admin.come(append(parameters, "state", s.state)...) }
		}}
	}
	run(t, []attack{
		own("the tenant of another customer", consent.CodeTenantMismatch, "admin_consent", "True", "tenant", fabric),
		own("another tenant with the expected one behind it", consent.CodeMalformed, "admin_consent", "True", "tenant", fabric, "tenant", contoso),
		own("the expected tenant with another one behind it", consent.CodeMalformed, "admin_consent", "True", "tenant", contoso, "tenant", fabric),
		own("the expected tenant twice", consent.CodeMalformed, "admin_consent", "True", "tenant", contoso, "tenant", contoso),
		own("the word of consent twice", consent.CodeMalformed, "admin_consent", "False", "admin_consent", "True", "tenant", contoso),
		own("an error twice", consent.CodeMalformed, "error", "a", "error", "b", "admin_consent", "True", "tenant", contoso),
		own("the tenant by its domain", consent.CodeMalformed, "admin_consent", "True", "tenant", "contoso.test"),
		own("a tenant with a path", consent.CodeMalformed, "admin_consent", "True", "tenant", contoso+"/../"+fabric),
		own("a tenant with a line break", consent.CodeMalformed, "admin_consent", "True", "tenant", contoso+"\r\n"),
		own("any tenant", consent.CodeMalformed, "admin_consent", "True", "tenant", "organizations"),
		own("an over-long tenant", consent.CodeMalformed, "admin_consent", "True", "tenant", strings.Repeat("1", 16<<10)),
		own("no tenant", consent.CodeTenantMissing, "admin_consent", "True"),
		own("a tenant and no word of consent", consent.CodeConsentNotGiven, "tenant", contoso),
		own("a consent that is false", consent.CodeConsentNotGiven, "admin_consent", "False", "tenant", contoso),
		own("a consent and an error", "declined", "admin_consent", "True", "tenant", contoso, "error", "access_denied"),
		own("a consent and an empty error", "unknown", "admin_consent", "True", "tenant", contoso, "error", ""),
		own("the answer of a sign-in in the first leg", consent.CodeTenantMissing, "code", "stolen-code"),
		own("an error with markup and names", "unknown", "error", "<b>", "error_description", "<script>alert(1)</script> ana@contoso.test"),
	})
}

// TestTheSecondLegNeedsItsOwnAnswer: the leg is spent and its browser may try it again.
func TestTheSecondLegNeedsItsOwnAnswer(t *testing.T) {
	leg := func(name, code string, parameters ...string) attack {
		return attack{name: name, status: http.StatusForbidden, code: code, changes: retry, prepare: func(s *scene) func() answer {
			s.accept()
			return func() answer {
				a := s.admin.come(append(parameters, "state", s.state)...)
				require.Zero(s.t, s.microsoft.redeemed(), "a code was redeemed that should not have been")
				return a
			}
		}}
	}
	run(t, []attack{
		leg("no code", consent.CodeMalformed),
		leg("an empty code", consent.CodeMalformed, "code", ""),
		leg("two codes", consent.CodeMalformed, "code", "a", "code", "b"),
		leg("the answer of the first leg once more", consent.CodeMalformed, "admin_consent", "True", "tenant", contoso),
		leg("an error beside a code", "declined", "code", "stolen-code", "error", "access_denied"),
	})
}

// TestAPlantedCookieIsNotTaken: whoever can set a cookie of ours in another's browser must not know what that
// browser is bound by afterwards.
func TestAPlantedCookieIsNotTaken(t *testing.T) {
	h := newHouse(t)
	_, link := h.as("mia-migrator").begin("contoso")
	victim := h.browser()
	planted := strings.Repeat("A", 43)
	victim.setCookie(planted)
	state := victim.get(link).query("state")
	require.NotEqual(t, planted, victim.cookie())
	thief := h.browser()
	thief.setCookie(planted)
	require.Equal(t, http.StatusBadRequest, thief.consented(state, contoso).status)
}

// TestAnAnswerLeadsNowhereElse: nothing that Microsoft's answer or an address carries chooses where a browser goes.
func TestAnAnswerLeadsNowhereElse(t *testing.T) {
	s := newScene(t)
	for _, name := range []string{"return", "redirect", "redirect_uri", "next", "url"} {
		back := s.admin.come("admin_consent", "True", "tenant", contoso, "state", s.state, name, "https://evil.test/")
		require.Equal(t, http.StatusSeeOther, back.status)
		require.True(t, strings.HasPrefix(back.header.Get("Location"), s.microsoft.URL+"/"+contoso+"/oauth2/"), back.header.Get("Location"))
		s.anew()
	}
	for _, to := range []string{
		"https://evil.test/", "//evil.test/", `/\evil.test/`, `\\evil.test`, "/\t/evil.test", "http:evil.test", "javascript:alert(1)", "/%0d%0aSet-Cookie:x=y",
		"/ok\r\nSet-Cookie: x=y", "/" + strings.Repeat("a", 10<<10), "evil.test", "",
	} {
		b := s.browser()
		state := b.get("/auth/sign-in?return=" + url.QueryEscape(to)).query("state")
		back := b.get("/auth/callback?" + url.Values{"state": {state}, "code": {"mia-migrator"}, "return": {to}}.Encode())
		require.Equal(t, http.StatusSeeOther, back.status, to)
		where, err := url.Parse(back.header.Get("Location"))
		require.NoError(t, err)
		require.Empty(t, where.Host+where.Scheme, to)
		require.True(t, strings.HasPrefix(where.Path, "/") && !strings.HasPrefix(where.Path, "//"), to)
		require.NotContains(t, back.header.Get("Set-Cookie"), "x=y")
	}
}

// TestNothingOfAConsentIsLogged: states, codes, cookies and tokens are as good as keys while they live.
func TestNothingOfAConsentIsLogged(t *testing.T) {
	s := newScene(t)
	s.accept()
	s.microsoft.fails(http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "AADSTS54005: secret-words of ana@contoso.test"})
	require.Equal(t, http.StatusForbidden, s.admin.come("state", s.state, "code", "secret-code").status)
	require.NotZero(t, s.logged.Len())
	for _, entry := range s.logged.All() {
		text := entry.Message
		for name, field := range entry.ContextMap() {
			text += " " + name + "=" + toText(field)
		}
		for _, secret := range []string{"secret-code", "secret-words", "ana@", s.state, s.nonce, s.admin.cookie()} {
			require.NotContains(t, text, secret)
		}
	}
}
