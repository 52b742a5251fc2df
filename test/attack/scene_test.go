package attack

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// scene is a house in which an administrator of Contoso has opened the link that mia sent, and stands at Microsoft.
type scene struct {
	*house
	admin   *browser
	session string
	link    string
	state   string // of the leg the administrator is on
	nonce   string // of the second leg, once there
}

func newScene(t *testing.T) *scene {
	t.Helper()
	return newHouse(t).scene(t)
}

// scene plays in a house that others played in before: everything they left is put back or swept away.
func (h *house) scene(t *testing.T) *scene {
	t.Helper()
	h.t = t
	require.NoError(t, h.store.Write(t.Context(), func(r service.Rows) error {
		for _, m := range h.began {
			if err := r.Migrations().Update(&m); err != nil {
				return err
			}
		}
		_, sessions := r.ConsentSessions().Delete(service.By(service.Where{"id <>": ""}))
		_, logins := r.Sessions().Delete(service.By(service.Where{"id <>": ""}))
		return errors.Join(sessions, logins)
	}))
	h.microsoft.forget()
	s := &scene{house: h}
	s.anew()
	return s
}

// anew has mia send another link, which ends the session before.
func (s *scene) anew() {
	s.t.Helper()
	s.session, s.link = s.as("mia-migrator").begin("contoso")
	s.admin = s.browser()
	away := s.admin.get(s.link)
	require.Equal(s.t, http.StatusSeeOther, away.status, away.body)
	s.state, s.nonce = away.query("state"), ""
}

// accept comes back from the first leg, so that the administrator stands at the sign-in.
func (s *scene) accept() {
	s.t.Helper()
	s.at(s.admin.consented(s.state, contoso))
}

func (s *scene) again() {
	s.t.Helper()
	s.at(s.admin.get("/consent/again/" + s.session))
}

func (s *scene) at(leg answer) {
	s.t.Helper()
	require.Equal(s.t, http.StatusSeeOther, leg.status, leg.body)
	s.state, s.nonce = leg.query("state"), ""
	if strings.Contains(leg.header.Get("Location"), "/oauth2/") {
		s.nonce = leg.query("nonce")
	}
}

// verify comes back from the second leg as the Global Administrator of Contoso.
func (s *scene) verify() answer {
	s.t.Helper()
	s.microsoft.answers(microsofts().signed(s.t, "key-1", s.microsoft.administrator(contoso, s.nonce)))
	return s.admin.come("state", s.state, "code", "good-code")
}

// finish shows that the attack took nothing from the honest administrator.
func (s *scene) finish() {
	s.t.Helper()
	if s.nonce == "" {
		s.accept()
	}
	done := s.verify()
	require.Equal(s.t, http.StatusOK, done.status, done.body)
	require.Equal(s.t, domain.ConfirmingConsent, s.migration("contoso").Phase)
	require.Equal(s.t, domain.ConsentVerified, s.house.session(s.session).Outcome)
}

// outcome is what the design lets an attack change beside the audit.
type outcome int

const (
	nothing outcome = iota // it is nobody's attempt: the honest one goes on where it was
	retry                  // the session's own leg is refused, and its browser returns to that leg
	over                   // the session ends, and another has to be begun
	dead                   // like nothing, but the migration takes no consent any more
)

// attack is one way to make a consent count for somebody else.
type attack struct {
	name    string
	prepare func(*scene) (strike func() answer)
	status  int
	code    string // as the audit names the refusal
	changes outcome
}

func run(t *testing.T, attacks []attack) {
	t.Helper()
	t.Parallel()
	h := newHouse(t)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			s := h.scene(t)
			strike := a.prepare(s)
			before, seq, granted := s.rows(), s.audited(), s.grants()
			got := strike()
			require.Equal(t, a.status, got.status, got.body)

			allowed := []string{}
			if a.changes == retry || a.changes == over {
				allowed = []string{"consent_sessions/" + s.session, "migrations/" + s.migration("contoso").ID, "changes"}
			} else {
				require.NotContains(t, got.body, contoso, "a stranger learns nothing of the attempt")
				require.NotContains(t, got.body, s.session)
			}
			after := s.rows()
			for _, row := range changed(before, after) {
				require.Contains(t, allowed, row)
			}
			require.Equal(t, standing(s.house, before), standing(s.house, after), "a migration moved")
			require.Equal(t, granted, s.grants())
			var codes []string
			for _, e := range s.audit(seq) {
				if e.Outcome == "refused" {
					codes = append(codes, e.Code)
				}
			}
			require.Equal(t, []string{a.code}, codes)

			switch a.changes {
			case nothing:
				s.finish()
			case retry:
				s.again()
				require.NotEmpty(t, s.nonce, "the refusal of one leg leads back to the other")
				s.finish()
			case over:
				s.anew()
				s.finish()
			case dead:
			}
		})
	}
}

// standing is where every migration stands and what it is bound by.
func standing(h *house, rows map[string]string) map[string]string {
	h.t.Helper()
	all := map[string]string{}
	for name, row := range rows {
		if strings.HasPrefix(name, "migrations/") {
			var m domain.Migration
			decode(h.t, row, &m)
			all[m.ID] = string(m.Phase) + " " + m.ConsentSession + " " + m.ConnectorID
		}
	}
	return all
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), into), text)
}

// eve is an attacker with an account and a tenant of her own, and a session open in her browser.
func (s *scene) eve() (b *browser, session, state string) {
	s.t.Helper()
	b = s.as("fay-fabric")
	session, link := b.begin("fabric")
	return b, session, b.get(link).query("state")
}

// sessions counts sessions with an outcome.
func (h *house) sessions(o domain.ConsentOutcome) (n int) {
	h.t.Helper()
	h.read(func(r service.Rows) (err error) {
		n, err = r.ConsentSessions().Count(service.By(service.Where{"outcome": string(o)}))
		return err
	})
	return n
}
