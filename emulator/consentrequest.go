package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"consentry/emulator/directory"
)

// consentRequest is what somebody who may not consent asked a reviewer for. An approval grants it without the app
// hearing of it: nobody is redirected anywhere.
type consentRequest struct {
	ID       string    `json:"id"`
	TenantID string    `json:"tenantId"`
	AppID    string    `json:"appId"`
	Person   string    `json:"person"` // object id
	Reason   string    `json:"reason,omitempty"`
	Roles    []string  `json:"roles,omitempty"`
	Scopes   []string  `json:"scopes,omitempty"`
	Dynamic  bool      `json:"dynamic,omitempty"` // what was granted before stays
	Expires  time.Time `json:"expires"`

	at     time.Time
	answer string // approve, deny or nothing
	by     string
}

// What a reviewer can do with a request.
const (
	ApproveRequest = "approve"
	DenyRequest    = "deny"
)

// States of a consent request.
const (
	RequestPending  = "pending"
	RequestApproved = "approved"
	RequestDenied   = "denied"
	RequestExpired  = "expired"
)

const requestLifetime = 30 * 24 * time.Hour

func (q *consentRequest) state(now time.Time) string {
	switch {
	case q.answer == ApproveRequest:
		return RequestApproved
	case q.answer == DenyRequest:
		return RequestDenied
	case !now.Before(q.Expires):
		return RequestExpired
	}
	return RequestPending
}

func (w *world) askConsent(e event, q consentRequest) error {
	if _, err := w.mustTenant(q.TenantID); err != nil {
		return err
	}
	if _, err := w.mustApp(q.AppID); err != nil {
		return err
	}
	for _, old := range w.asked {
		if old.TenantID == q.TenantID && old.AppID == q.AppID && old.Person == q.Person && old.state(e.At) == RequestPending {
			return errNoChange
		}
	}
	q.at = e.At
	w.asked = append(w.asked, &q)
	return nil
}

// consentAnswered is a reviewer's decision.
type consentAnswered struct {
	ID       string        `json:"id"`
	Do       string        `json:"do"`
	By       string        `json:"by"`                 // user principal name
	ObjectID string        `json:"objectId,omitempty"` // of the service principal, if it is made now
	Delay    time.Duration `json:"delay,omitempty"`
}

func (w *world) answerConsent(e event, a consentAnswered) error {
	at := slices.IndexFunc(w.asked, func(q *consentRequest) bool { return q.ID == a.ID })
	if at < 0 {
		return &directory.NotFoundError{ID: a.ID}
	}
	q := w.asked[at]
	if state := q.state(e.At); state != RequestPending {
		return fmt.Errorf("the consent request %s is %s and cannot be answered any more", q.ID, state)
	}
	t, err := w.mustTenant(q.TenantID)
	if err != nil {
		return err
	}
	reviewer := t.personNamed(a.By)
	switch {
	case reviewer == nil:
		return fmt.Errorf("nobody named %q can sign in to the tenant %s", a.By, t.ID)
	case !containsFold(t.Policy.Reviewers, a.By):
		return fmt.Errorf("%s is no reviewer of the tenant %s", a.By, t.ID)
	case a.Do == ApproveRequest && !mayConsent(reviewer, q.Roles):
		return fmt.Errorf("%s reviews requests but has no role that may grant these permissions", a.By)
	case a.Do == ApproveRequest:
		wanted := permissions{roles: q.Roles, scopes: q.Scopes, dynamic: q.Dynamic}.onTopOf(t.principals[key(q.AppID)])
		if err := w.consent(e, consented{TenantID: q.TenantID, AppID: q.AppID, ObjectID: a.ObjectID, Roles: wanted.roles, Scopes: wanted.scopes, Delay: a.Delay}); err != nil {
			return err
		}
	case a.Do != DenyRequest:
		return fmt.Errorf("a consent request can be answered by %s or %s, not %q", ApproveRequest, DenyRequest, a.Do)
	}
	q.answer, q.by = a.Do, a.By
	return nil
}

// personNamed finds somebody who signs in by user principal name.
func (t *tenant) personNamed(upn string) *Person {
	for _, p := range t.persons {
		if strings.EqualFold(p.UPN, upn) {
			return p
		}
	}
	return nil
}

// ConsentRequest is a request as the page and the control API show it.
type ConsentRequest struct {
	ID        string    `json:"id"`
	TenantID  string    `json:"tenantId"`
	AppID     string    `json:"appId"`
	Person    string    `json:"person"` // user principal name
	Reason    string    `json:"reason,omitempty"`
	State     string    `json:"state"`
	By        string    `json:"by,omitempty"`
	At        time.Time `json:"at"`
	Expires   time.Time `json:"expires"`
	ReviewURL string    `json:"reviewUrl"` // what the mail to the reviewers links to
}

// ConsentRequests lists what was asked of a tenant's reviewers, oldest first; of all tenants for "".
func (s *Server) ConsentRequests(tenantID string) []ConsentRequest {
	now := s.now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := []ConsentRequest{}
	for _, q := range s.world.asked {
		t := s.world.tenant(q.TenantID)
		if tenantID != "" && t != s.world.tenant(tenantID) {
			continue
		}
		shown := ConsentRequest{ID: q.ID, TenantID: q.TenantID, AppID: q.AppID, Reason: q.Reason, State: q.state(now), By: q.by, At: q.at,
			Expires: q.Expires, ReviewURL: s.HTTPURL() + "/" + q.TenantID + "/" + reviewPath + "?id=" + q.ID}
		if p := t.person(q.Person); p != nil {
			shown.Person = p.UPN
		}
		list = append(list, shown)
	}
	return list
}

// AnswerConsentRequest lets a reviewer, by user principal name, approve or deny a request, as by the link in the mail.
func (s *Server) AnswerConsentRequest(id, reviewer, do string) error {
	return s.commit(eventConsentAnswered, consentAnswered{ID: id, Do: do, By: reviewer, ObjectID: newGUID(), Delay: s.config.ConsentDelay})
}

const reviewPath = "consent-requests"

// request sends a request for consent to the reviewers and tells the person so.
func (s *Server) request(w http.ResponseWriter, c *call, p consentPage, reason string) {
	lifetime := time.Duration(p.tenant.Policy.RequestLifetime)
	if lifetime <= 0 {
		lifetime = requestLifetime
	}
	err := s.commit(eventConsentAsked, consentRequest{ID: newGUID(), TenantID: p.tenant.ID, AppID: p.app.AppID, Person: p.person.ObjectID,
		Reason: reason, Roles: p.roles, Scopes: p.scopes, Dynamic: p.dynamic, Expires: c.entry.At.Add(lifetime)})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	showPage(w, http.StatusOK, page{Template: "requested", Title: "Request sent", Action: c.URL.Path, App: p.app.DisplayName,
		Text: "Your request has been sent to your admin. You'll receive an email once it has been reviewed.", Hidden: s.consentForm(p)})
}

// review is the page that the mail to the reviewers links to.
func (s *Server) review(w http.ResponseWriter, c *call, name string) {
	form, original, posted := s.original(c)
	s.mu.RLock()
	at, refused := s.world.placeNamed(name)
	var q consentRequest
	var app Application
	var home Tenant
	if refused == nil && !at.many() {
		home = at.tenant.Tenant
	}
	if i := slices.IndexFunc(s.world.asked, func(q *consentRequest) bool { return q.ID == original.Get("id") }); i >= 0 && refused == nil {
		q = *s.world.asked[i]
		if a := s.world.app(q.AppID); a != nil {
			app = a.Application
		}
	}
	s.mu.RUnlock()
	if refused != nil || home.ID == "" || q.TenantID != home.ID || app.AppID == "" {
		http.NotFound(w, c.Request)
		return
	}
	kept := s.readSession(c.Request)
	person, decided := s.whoSignsIn(w, c, at, &kept, signIn{form: form, posted: posted, original: original, app: "review a request"})
	if !decided {
		return
	}
	if do := s.consentAnswer(form, person, original); do != "" {
		shown := page{Template: "message", Title: "Done", Text: "The request was answered: " + do + "."}
		if err := s.AnswerConsentRequest(q.ID, person.UPN, do); err != nil {
			shown.Title, shown.Text, shown.Message = "The request was not answered", "", err.Error()
		}
		showPage(w, http.StatusOK, shown)
		return
	}
	s.showConsent(w, c, consentPage{app: app, tenant: home, person: person, roles: q.Roles, scopes: q.Scopes, original: url.Values{"id": {q.ID}},
		everybody: true, review: true})
}
