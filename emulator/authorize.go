package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authorizeRequest is what an app asks of the authorize endpoint, once it is known to be an app of ours.
type authorizeRequest struct {
	at        place
	app       Application
	redirect  string
	mode      string
	scopes    []string
	state     string
	nonce     string
	challenge string
	method    string
	prompt    string
	hint      string
}

// authorize signs a person in for an app and sends a code back (facts 2.6). What the page's forms post carries the
// original request along and goes through the same checks again.
func (s *Server) authorize(w http.ResponseWriter, c *call, name string) {
	form, original, posted := s.original(c)
	asked, refused := s.readAuthorize(name, original)
	if refused != nil {
		showAuthError(w, c, refused)
		return
	}
	if refused := asked.check(original); refused != nil {
		s.answerError(w, c, asked, refused)
		return
	}
	if e := s.faults.refusal(c); e != nil {
		s.answerOrShow(w, c, e, asked.redirect, asked.mode, asked.state)
		return
	}
	kept := s.readSession(c.Request)
	person, decided := s.whoSignsIn(w, c, asked.at, &kept, signIn{form: form, posted: posted, prompt: asked.prompt, hint: asked.hint,
		original: original, app: asked.app.DisplayName, silently: func(e *authError) { s.answerError(w, c, asked, e) }})
	if !decided {
		return
	}
	c.entry.TenantID = person.TenantID // at a name for many the path does not say it
	if !s.personMayUse(w, c, asked, person, form, original) {
		return
	}
	code := s.codes.issue(issuedCode{appID: asked.app.AppID, tenantID: person.TenantID, person: person.ObjectID, redirect: asked.redirect,
		scopes: asked.scopes, nonce: asked.nonce, challenge: asked.challenge, method: asked.method, session: kept.ID, at: c.entry.At})
	s.answer(w, c, asked.redirect, asked.mode, url.Values{"code": {code}, "session_state": {kept.ID}}, asked.state)
}

// original separates what our own pages post from the request of the app, which those pages carry along. Apps may post
// their request too.
func (s *Server) original(c *call) (form, original url.Values, posted bool) {
	if c.Method != http.MethodPost {
		return url.Values{}, c.URL.Query(), false
	}
	form, err := url.ParseQuery(string(c.content))
	if err != nil {
		form = url.Values{}
	}
	if carried := form.Get("request"); carried != "" {
		if original, err = url.ParseQuery(carried); err == nil {
			return form, original, true
		}
	}
	return url.Values{}, form, false
}

// readAuthorize resolves tenant, app and redirect address. What is wrong with those is shown to the person and never
// redirected.
func (s *Server) readAuthorize(name string, q url.Values) (*authorizeRequest, *authError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, refused := s.world.placeNamed(name)
	if refused != nil {
		return nil, refused
	}
	app, refused := s.world.interactiveApp(at, q, false)
	if refused != nil {
		return nil, refused
	}
	return &authorizeRequest{at: at, app: app.Application, redirect: q.Get("redirect_uri"), mode: q.Get("response_mode"), state: q.Get("state"),
		nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), method: q.Get("code_challenge_method"),
		prompt: q.Get("prompt"), hint: q.Get("login_hint")}, nil
}

// interactiveApp finds the app that sent a browser here and checks where it wants the browser back.
// A loose redirect continues a registered one.
func (w *world) interactiveApp(at place, q url.Values, loose bool) (*application, *authError) {
	id, redirect := q.Get("client_id"), q.Get("redirect_uri")
	if id == "" {
		return nil, aadsts(900144, "client_id")
	}
	a := w.app(id)
	switch {
	case a == nil, !a.MultiTenant && !at.many() && at.tenant != a.home:
		return nil, aadsts(700016, id, at.segment())
	case !a.MultiTenant && at.many():
		return nil, aadsts(50194, a.AppID, a.DisplayName)
	case a.disabled:
		return nil, aadsts(7000112, a.AppID, a.DisplayName)
	case !slices.ContainsFunc(a.RedirectURIs, func(r string) bool { return r == redirect || loose && strings.HasPrefix(redirect, r+"/") }):
		return nil, aadsts(50011, redirect, a.AppID)
	}
	return a, nil
}

// prompts are the values of prompt (facts 2.6).
var prompts = []string{"login", "none", "consent", "select_account", "create"}

// check looks at the rest of the request; what is wrong here goes back to the app.
func (r *authorizeRequest) check(q url.Values) *authError {
	if r.mode == "" {
		r.mode = "query"
		if strings.Contains(q.Get("response_type"), "id_token") {
			r.mode = "fragment" // tokens do not go by query (facts 2.6)
		}
	}
	if !slices.Contains([]string{"query", "fragment", "form_post"}, r.mode) {
		r.mode = "query"
		return aadsts(70007)
	}
	switch kind := q.Get("response_type"); {
	case kind == "":
		return aadsts(900144, "response_type")
	case strings.Contains(kind, "id_token"):
		return aadsts(700054)
	case kind != "code":
		return aadsts(70005)
	}
	if r.challenge != "" {
		if r.method == "" {
			r.method = "plain"
		}
		if len(r.challenge) < 43 || len(r.challenge) > 128 {
			return aadsts(501491)
		}
		if r.method != "S256" && r.method != "plain" {
			return &authError{code: 501491, name: "invalid_request", text: "The Code_Challenge_Method is not supported."}
		}
	}
	if r.prompt != "" && !slices.Contains(prompts, r.prompt) {
		return aadsts(90023)
	}
	scopes := strings.Fields(q.Get("scope"))
	if len(scopes) == 0 {
		return aadsts(900144, "scope")
	}
	for _, scope := range scopes {
		short := strings.TrimPrefix(scope, graphHost+"/")
		if short == ".default" {
			r.scopes = append(r.scopes, r.app.DelegatedScopes...)
			continue
		}
		if _, known := scopeWords[short]; !known && !slices.Contains(r.app.DelegatedScopes, short) {
			return aadsts(650053, r.app.DisplayName, short)
		}
		r.scopes = append(r.scopes, short)
	}
	return nil
}

// personMayUse asks for the consent that is missing. It reports whether to go on; otherwise it has answered.
func (s *Server) personMayUse(w http.ResponseWriter, c *call, asked *authorizeRequest, person *Person, form, original url.Values) bool {
	s.mu.RLock()
	t := s.world.tenant(person.TenantID)
	home := t.Tenant
	c.switches = s.switchesOf(t)
	p := t.principals[key(asked.app.AppID)]
	disabled := p != nil && !p.enabled
	agreed := p.hasScopes(person.ObjectID, asked.scopes)
	s.mu.RUnlock()
	switch {
	case disabled:
		showAuthError(w, c, aadsts(7000112, asked.app.AppID, asked.app.DisplayName))
		return false
	case asked.app.AssignmentRequired:
		showAuthError(w, c, aadsts(50105, person.UPN, asked.app.AppID, asked.app.DisplayName))
		return false
	}
	shown := consentPage{app: asked.app, tenant: home, person: person, scopes: asked.scopes, original: original, mayAll: mayConsent(person, nil), dynamic: true}
	answer := s.consentAnswer(form, person, original)
	switch {
	case agreed && asked.prompt != "consent":
		return true
	case home.Policy.UserConsentOff && !shown.mayAll && asked.prompt == "none":
		s.answerError(w, c, asked, aadsts(65001, asked.app.AppID, asked.app.DisplayName))
		return false
	case home.Policy.UserConsentOff && !shown.mayAll && answer == "request" && home.Policy.ConsentRequests:
		s.request(w, c, shown, form.Get("reason"))
		return false
	case home.Policy.UserConsentOff && !shown.mayAll && answer != "cancel":
		s.showRefusal(w, c, shown)
		return false
	case answer == "cancel":
		s.answerError(w, c, asked, declined())
		return false
	case answer == "accept" && shown.mayAll && form.Get("everybody") != "":
		if err := s.grant(t.ID, asked.app.AppID, permissions{scopes: asked.scopes, dynamic: true}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return false
		}
		return true
	case answer == "accept":
		if err := s.commit(eventConsent, consented{TenantID: t.ID, AppID: asked.app.AppID, ObjectID: newGUID(), Person: person.ObjectID, Scopes: asked.scopes}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return false
		}
		return true
	case asked.prompt == "none":
		s.answerError(w, c, asked, aadsts(65001, asked.app.AppID, asked.app.DisplayName))
		return false
	}
	s.showConsent(w, c, shown)
	return false
}

func declined() *authError {
	e := aadsts(65004)
	e.subError = "cancel"
	return e
}

// answerOrShow sends a refusal back to the app, unless it is one that only the person gets to see (facts 1.5).
func (s *Server) answerOrShow(w http.ResponseWriter, c *call, e *authError, redirect, mode, state string) {
	if slices.Contains([]int{16000, 50011, 50020, 50105, 50194, 65005, 90002, 90072, 500208, 650051, 650052, 650054, 650056, 650057, 700016, 7000112}, e.code) {
		showAuthError(w, c, e)
		return
	}
	s.answer(w, c, redirect, mode, errorValues(c, e), state)
}

// answerError sends a refusal back to the app.
func (s *Server) answerError(w http.ResponseWriter, c *call, asked *authorizeRequest, e *authError) {
	values := errorValues(c, e)
	s.answer(w, c, asked.redirect, asked.mode, values, asked.state)
}

func errorValues(c *call, e *authError) url.Values {
	c.entry.Code = e.Error()[:strings.IndexByte(e.Error(), ':')]
	e = e.under(c.switches)
	values := url.Values{"error": {e.name}, "error_description": {e.describe(c)}}
	if e.subError != "" {
		values.Set("error_subcode", e.subError)
	}
	return values
}

// answer sends values back to the app in the way it asked for.
func (s *Server) answer(w http.ResponseWriter, c *call, redirect, mode string, values url.Values, state string) {
	if state != "" {
		values.Set("state", state)
	}
	w.Header().Set("Cache-Control", "no-store, no-cache")
	switch mode {
	case "form_post":
		showPage(w, http.StatusOK, page{Template: "formpost", Title: "Working...", Action: redirect, Hidden: hidden(values)})
	case "fragment":
		http.Redirect(w, c.Request, redirect+"#"+values.Encode(), http.StatusFound)
	default:
		http.Redirect(w, c.Request, withValues(redirect, values), http.StatusFound)
	}
}

func withQuery(target, name, value string) string {
	if value == "" {
		return target
	}
	return withValues(target, url.Values{name: {value}})
}

// withValues adds to the query an address may already have.
func withValues(target string, values url.Values) string {
	if strings.Contains(target, "?") {
		return target + "&" + values.Encode()
	}
	return target + "?" + values.Encode()
}
