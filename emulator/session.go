package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// session is who is signed in to the emulator in one browser. It lives sealed in a cookie, so it outlasts a restart
// and needs no table. Several accounts may be signed in at once, as at Microsoft.
type session struct {
	ID     string    `json:"id"`
	People []account `json:"people"`
}

type account struct {
	TenantID string `json:"t"`
	ObjectID string `json:"o"`
}

const sessionCookie = "entra_emulator_session"

func (s *Server) readSession(r *http.Request) session {
	var found session
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if raw, ok := s.keys.opened(sessionCookie, cookie.Value); ok && json.Unmarshal(raw, &found) == nil {
			return found
		}
	}
	return session{ID: randomText(16)}
}

func (s *Server) writeSession(w http.ResponseWriter, c *call, kept session) {
	raw, _ := json.Marshal(kept) // plain strings always marshal
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: s.keys.sealed(sessionCookie, raw), Path: "/", HttpOnly: true,
		Secure: c.TLS != nil, SameSite: http.SameSiteLaxMode})
}

// signedIn are the people of a place with a session here, narrowed by a hint at one of them.
func (s *Server) signedIn(kept session, at place, hint string) []*Person {
	var people []*Person
	for _, p := range s.candidates(at) {
		if hint != "" && !strings.EqualFold(hint, p.UPN) {
			continue
		}
		if slices.ContainsFunc(kept.People, func(a account) bool { return a.TenantID == p.TenantID && a.ObjectID == p.ObjectID }) {
			people = append(people, p)
		}
	}
	return people
}

func (k *session) add(p *Person) {
	a := account{TenantID: p.TenantID, ObjectID: p.ObjectID}
	if !slices.Contains(k.People, a) {
		k.People = append(k.People, a)
	}
}

// candidates are the people who can sign in at a place: a tenant's own and its guests, or at organizations everybody
// at their home. A guest's home is outside the emulator, so there a guest cannot sign in.
func (s *Server) candidates(at place) []*Person {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var people []*Person
	take := func(t *tenant) {
		for _, p := range t.persons {
			if _, err := t.directory.User(p.ObjectID); err == nil && (at.tenant != nil || !p.Guest) {
				copied := *p
				people = append(people, &copied)
			}
		}
	}
	if at.tenant != nil {
		take(at.tenant)
	} else if at.name != personalAccounts {
		for _, id := range s.world.order {
			if t := s.world.tenants[id]; t != nil {
				take(t)
			}
		}
	}
	return people
}

func (s *Server) logout(w http.ResponseWriter, c *call) {
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: c.TLS != nil, SameSite: http.SameSiteLaxMode})
	target := c.FormValue("post_logout_redirect_uri")
	s.mu.RLock()
	registered := false
	for _, a := range s.world.apps {
		registered = registered || (!a.deleted && slices.Contains(a.RedirectURIs, target))
	}
	s.mu.RUnlock()
	if target != "" && registered {
		http.Redirect(w, c.Request, withQuery(target, "state", c.FormValue("state")), http.StatusFound)
		return
	}
	showPage(w, http.StatusOK, page{Template: "message", Title: "You signed out of your account", Text: "It is a good idea to close all browser windows."})
}
