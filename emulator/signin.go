package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// signIn is what decides who signs in: the prompt and hint of the app, and what a page has posted.
type signIn struct {
	form     url.Values
	posted   bool
	prompt   string
	hint     string
	original url.Values
	app      string
	silently func(*authError) // answers a request that must not show a page
}

// whoSignsIn finds the person by single sign-on or by the sign-in page. It reports false when it has answered.
func (s *Server) whoSignsIn(w http.ResponseWriter, c *call, at place, kept *session, in signIn) (*Person, bool) {
	message := ""
	if upn := in.form.Get("login"); upn != "" {
		people := s.candidates(at)
		if i := slices.IndexFunc(people, func(p *Person) bool { return strings.EqualFold(p.UPN, upn) }); i >= 0 {
			if s.accountEnabled(people[i]) {
				kept.add(people[i])
				s.writeSession(w, c, *kept)
				return people[i], true
			}
			message = "Your account has been locked. Contact your support person to unlock it, then try again. (AADSTS50057)"
		} else {
			message = "We couldn't find an account with that username. (AADSTS50034)"
		}
	}
	people := s.signedIn(*kept, at, in.hint)
	switch {
	case in.prompt == "none" && len(people) == 0:
		in.silently(aadsts(50058))
		return nil, false
	case in.prompt == "none" && len(people) > 1:
		in.silently(aadsts(16000))
		return nil, false
	case in.posted && in.form.Get("account") != "" && in.form.Get("switch") == "":
		// a consent page names the person it was shown to, who must still be signed in here
		if i := slices.IndexFunc(people, func(p *Person) bool {
			return s.keys.seals("consent", in.form.Get("account"), consentMark(p, in.original))
		}); i >= 0 {
			return people[i], true
		}
	case len(people) == 1 && in.prompt != "login" && in.prompt != "select_account" && message == "" && in.form.Get("switch") == "":
		return people[0], true
	}
	s.showSignIn(w, c, at, in, *kept, message)
	return nil, false
}

func (s *Server) accountEnabled(p *Person) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	u, err := s.world.tenant(p.TenantID).directory.User(p.ObjectID)
	return err == nil && u.AccountEnabled
}

// consentMark binds the answer of a consent page to the person and the request it was shown for.
func consentMark(p *Person, original url.Values) string {
	sum := sha256.Sum256([]byte(original.Encode()))
	return p.TenantID + "|" + p.ObjectID + "|" + hex.EncodeToString(sum[:])
}

// consentAnswer is "accept", "cancel" or nothing, if the page that posted it was shown to this person.
func (s *Server) consentAnswer(form url.Values, p *Person, original url.Values) string {
	if !s.keys.seals("consent", form.Get("account"), consentMark(p, original)) {
		return ""
	}
	return form.Get("consent")
}

func (k *keyring) seals(purpose, text, content string) bool {
	opened, ok := k.opened(purpose, text)
	return ok && string(opened) == content
}

func newGUID() string { return uuid.NewString() }

func (s *Server) showSignIn(w http.ResponseWriter, c *call, at place, in signIn, kept session, message string) {
	shown := page{Template: "signin", Title: "Sign in", App: in.app, Action: c.URL.Path, Message: message,
		Hidden: []field{{"request", in.original.Encode()}}}
	if at.tenant != nil {
		s.mu.RLock()
		shown.Tenant = at.tenant.DisplayName
		s.mu.RUnlock()
	}
	for _, p := range s.candidates(at) {
		choice := choice{UPN: p.UPN, Name: p.Name, Hinted: strings.EqualFold(p.UPN, in.hint),
			SignedIn: slices.Contains(kept.People, account{TenantID: p.TenantID, ObjectID: p.ObjectID})}
		for _, role := range p.Roles {
			if name := roleNames[strings.ToLower(role)]; name != "" {
				choice.Roles = append(choice.Roles, name)
			}
		}
		if p.Guest {
			choice.Roles = append(choice.Roles, "Guest")
		}
		if at.tenant == nil {
			s.mu.RLock()
			choice.Tenant = s.world.tenant(p.TenantID).DisplayName
			s.mu.RUnlock()
		}
		shown.People = append(shown.People, choice)
	}
	showPage(w, http.StatusOK, shown)
}
