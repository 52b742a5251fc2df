package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// adminConsent is the tenant-wide consent of an administrator (facts 1.1 to 1.6): v2 with scopes, v1 without.
func (s *Server) adminConsent(w http.ResponseWriter, c *call, name string, v2 bool) {
	form, original, posted := s.original(c)
	s.mu.RLock()
	at, refused := s.world.placeNamed(name)
	var app Application
	if refused == nil {
		var found *application
		loose := !v2 && s.switchesOf(at.tenant).LooseRedirects
		if found, refused = s.world.interactiveApp(at, original, loose); refused == nil {
			app = found.Application
		}
	}
	s.mu.RUnlock()
	if refused == nil && v2 && at.many() && at.name != anyOrganization && !c.switches.CommonConsent {
		refused = aadsts(50059) // which number the service shows is not documented
	}
	if refused == nil && v2 && strings.TrimSpace(original.Get("scope")) == "" {
		refused = aadsts(900144, "scope")
	}
	var wanted permissions
	if refused == nil {
		wanted, refused = requested(app, original.Get("scope"), v2)
	}
	if refused != nil {
		showAuthError(w, c, refused)
		return
	}
	redirect, state := original.Get("redirect_uri"), original.Get("state")
	if e := s.faults.refusal(c); e != nil {
		s.answerOrShow(w, c, e, redirect, "query", state)
		return
	}
	kept := s.readSession(c.Request)
	person, decided := s.whoSignsIn(w, c, at, &kept, signIn{form: form, posted: posted, original: original, app: app.DisplayName})
	if !decided {
		return
	}
	s.mu.RLock()
	t := s.world.tenant(person.TenantID)
	home := t.Tenant
	c.switches = s.switchesOf(t)
	s.mu.RUnlock()
	asked := consentPage{app: app, tenant: home, person: person, roles: wanted.roles, scopes: wanted.scopes, original: original, everybody: true, dynamic: wanted.dynamic}
	switch answer := s.consentAnswer(form, person, original); {
	case !mayConsent(person, wanted.roles) && answer == "cancel":
		s.answer(w, c, redirect, "query", errorValues(c, declined()), state)
	case !mayConsent(person, wanted.roles) && answer == "request" && home.Policy.ConsentRequests:
		s.request(w, c, asked, form.Get("reason"))
	case !mayConsent(person, wanted.roles):
		s.showRefusal(w, c, asked)
	case answer == "cancel":
		s.declineConsent(w, c, redirect, state)
	case answer == "accept":
		if err := s.grant(home.ID, app.AppID, wanted); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		values := url.Values{"admin_consent": {"True"}, "tenant": {home.ID}}
		if v2 {
			values.Set("scope", original.Get("scope"))
		}
		s.answer(w, c, redirect, "query", values, state)
	default:
		s.showConsent(w, c, asked)
	}
}

// declineConsent tells the app that an administrator declined, in the shape the tenant is switched to (facts 1.4).
func (s *Server) declineConsent(w http.ResponseWriter, c *call, redirect, state string) {
	e := declined()
	switch c.switches.ConsentDeclined {
	case DeclinedConsentRequired:
		e.name, e.subError = "consent_required", ""
		values := errorValues(c, e)
		values.Set("admin_consent", "True")
		s.answer(w, c, redirect, "query", values, state)
	case DeclinedPermissionDenied:
		c.entry.Code = "permission_denied"
		s.answer(w, c, redirect, "query", url.Values{"error": {"permission_denied"}, "error_description": {"The admin canceled the request"}}, "")
	default:
		s.answer(w, c, redirect, "query", errorValues(c, e), state)
	}
}

// permissions are what an administrator is asked to grant.
type permissions struct {
	roles   []string // app roles of Graph, by id
	scopes  []string // delegated
	dynamic bool     // named one by one: what was granted before stays
}

// requested reads what a consent request is for. Application permissions come only with .default, from what the app
// registration requires.
func requested(app Application, scope string, v2 bool) (permissions, *authError) {
	if !v2 {
		return permissions{roles: app.RequiredRoles, scopes: consentScopes(app)}, nil
	}
	wanted := permissions{dynamic: true}
	for _, s := range strings.Fields(scope) {
		switch short := strings.TrimPrefix(s, graphHost+"/"); {
		case s == graphHost+"/.default" || s == graphAppID+"/.default" || s == ".default":
			return permissions{roles: app.RequiredRoles, scopes: consentScopes(app)}, nil
		case scopeWords[short] != "" || slices.Contains(app.DelegatedScopes, short):
			wanted.scopes = append(wanted.scopes, short)
		default:
			return wanted, aadsts(650053, app.DisplayName, short)
		}
	}
	return wanted, nil
}

// onTopOf keeps what an app has been granted already, if the permissions were named one by one.
func (wanted permissions) onTopOf(p *principal) permissions {
	if !wanted.dynamic || p == nil {
		return wanted
	}
	wanted.roles, wanted.scopes = slices.Clone(p.roles), slices.Clone(wanted.scopes)
	for _, scope := range p.scopes {
		if !slices.Contains(wanted.scopes, scope) {
			wanted.scopes = append(wanted.scopes, scope)
		}
	}
	return wanted
}

// grant makes an administrator's consent true.
func (s *Server) grant(tenantID, appID string, wanted permissions) error {
	s.mu.RLock()
	wanted = wanted.onTopOf(s.world.tenant(tenantID).principals[key(appID)])
	s.mu.RUnlock()
	return s.commit(eventConsent, consented{TenantID: tenantID, AppID: appID, ObjectID: newGUID(), Roles: wanted.roles,
		Scopes: wanted.scopes, Delay: s.config.ConsentDelay})
}

// consentPage is what a person is asked to agree to.
type consentPage struct {
	app       Application
	tenant    Tenant
	person    *Person
	roles     []string
	scopes    []string
	original  url.Values
	everybody bool
	review    bool // by somebody who was asked to
	mayAll    bool // may agree for everybody, too
	dynamic   bool // named one by one
}

func (s *Server) consentForm(p consentPage) []field {
	return []field{{"request", p.original.Encode()}, {"account", s.keys.sealed("consent", []byte(consentMark(p.person, p.original)))}}
}

func (s *Server) showConsent(w http.ResponseWriter, c *call, p consentPage) {
	shown := page{Template: "consent", Title: "Permissions requested", Action: c.URL.Path, App: p.app.DisplayName, AppID: p.app.AppID,
		Tenant: p.tenant.DisplayName, TenantID: p.tenant.ID, Person: p.person.UPN, Everybody: p.everybody, Review: p.review, MayAll: p.mayAll, Hidden: s.consentForm(p)}
	shown.Permissions = words(p)
	showPage(w, http.StatusOK, shown)
}

// words says what is asked for.
func words(p consentPage) []permission {
	var all []permission
	for _, id := range p.roles {
		role := graphRoles[key(id)]
		all = append(all, permission{Words: role.words, Name: role.name})
	}
	for _, scope := range p.scopes {
		words := scopeWords[scope]
		if words == "" {
			words = scope
		}
		all = append(all, permission{Words: words, Name: scope})
	}
	return all
}

// showRefusal tells somebody who may not consent so, and offers the ways on that Entra offers.
func (s *Server) showRefusal(w http.ResponseWriter, c *call, p consentPage) {
	if p.tenant.Policy.ConsentRequests {
		e := aadsts(90095)
		c.entry.Code = "AADSTS90095"
		showPage(w, http.StatusOK, page{Template: "approval", Title: "Approval required", Action: c.URL.Path, App: p.app.DisplayName,
			AppID: p.app.AppID, Tenant: p.tenant.DisplayName, TenantID: p.tenant.ID, Person: p.person.UPN,
			Text: "This app requires your admin's approval to:", Permissions: words(p), Message: e.Error(), Hidden: s.consentForm(p)})
		return
	}
	e := aadsts(90094, p.tenant.DisplayName, p.app.DisplayName, p.tenant.DisplayName)
	c.entry.Code = "AADSTS90094"
	showPage(w, http.StatusOK, page{Template: "refusal", Title: "Need admin approval", Action: c.URL.Path, App: p.app.DisplayName,
		AppID: p.app.AppID, Tenant: p.tenant.DisplayName, TenantID: p.tenant.ID, Person: p.person.UPN,
		Text: p.app.DisplayName + " needs permission to access resources in your organization that only an admin can grant. " +
			"Please ask an admin to grant permission to this app before you can use it.",
		Message: e.Error(), Hidden: s.consentForm(p)})
}
