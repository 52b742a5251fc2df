package emulator

import (
	"cmp"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clientID reads the app id of a token request from its form or its Basic credentials.
func clientID(c *call) string {
	if user, _, ok := c.BasicAuth(); ok {
		if id, err := url.QueryUnescape(user); err == nil {
			return id
		}
	}
	form, err := url.ParseQuery(string(c.content))
	if err != nil {
		return ""
	}
	return form.Get("client_id")
}

// Grants a token request may be for.
const (
	grantApp     = "client_credentials"
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// tokenRequest is a token request with everything that was found out about it so far.
type tokenRequest struct {
	call       *call
	form       url.Values
	grant      string
	v1         bool      // the older endpoint, which is told a resource instead of scopes
	now        time.Time // by the clock of the machine that answers
	at         place
	app        *application
	credential string // appidacr: 0 public, 1 secret, 2 certificate
}

func (s *Server) token(w http.ResponseWriter, c *call, name string, v1 bool) {
	body, refused := s.answerToken(c, name, v1)
	if refused != nil {
		refused.name = cmp.Or(atToken[refused.code], refused.name)
		writeAuthError(w, c, refused)
		return
	}
	writeAuthJSON(w, c, http.StatusOK, body)
}

// answerToken issues tokens. Everything is decided on one state of the world.
func (s *Server) answerToken(c *call, name string, v1 bool) (map[string]any, *authError) {
	if c.Method != http.MethodPost {
		return nil, aadsts(900561, c.Method)
	}
	form, err := url.ParseQuery(string(c.content))
	if err != nil {
		return nil, aadsts(900144, "grant_type")
	}
	if refused := s.faults.refusal(c); refused != nil {
		return nil, refused
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := &tokenRequest{call: c, form: form, grant: form.Get("grant_type"), v1: v1, now: c.entry.At.Add(s.faults.skew(c))}
	switch r.grant {
	case "":
		return nil, aadsts(900144, "grant_type")
	case grantApp, grantCode, grantRefresh:
	default:
		return nil, aadsts(70003, r.grant)
	}
	var refused *authError
	if r.at, refused = s.world.placeNamed(name); refused != nil {
		return nil, refused
	}
	if r.grant == grantApp && r.at.many() {
		if r.at.name == anyOrganization {
			return nil, aadsts(50059)
		}
		return nil, aadsts(9001023)
	}
	if refused = s.identifyClient(r); refused != nil {
		return nil, refused
	}
	switch r.grant {
	case grantApp:
		return s.clientCredentials(r)
	case grantRefresh:
		return s.refresh(r)
	}
	return s.redeemCode(r)
}

// tenantID is the tenant that was named, if one was.
func (r *tokenRequest) tenantID() string {
	if r.at.tenant == nil {
		return ""
	}
	return r.at.tenant.ID
}

// identifyClient finds the app and checks its credential. An app that exists nowhere, or is another tenant's own, is
// not found here; one that exists but was never consented to is told apart later, once it has proved itself.
func (s *Server) identifyClient(r *tokenRequest) *authError {
	id := clientID(r.call)
	if id == "" {
		return aadsts(900144, "client_id")
	}
	r.app = s.world.app(id)
	if r.app == nil || !r.app.MultiTenant && !r.at.many() && r.at.tenant != r.app.home {
		return aadsts(700016, id, r.at.segment())
	}
	if r.grant == grantApp && r.call.switches.PrincipalFirst {
		if _, refused := r.servicePrincipal(r.at.tenant); refused != nil {
			return refused
		}
	}
	secret, assertion := r.form.Get("client_secret"), r.form.Get("client_assertion")
	if _, password, ok := r.call.BasicAuth(); ok {
		if decoded, err := url.QueryUnescape(password); err == nil {
			secret = decoded
		}
	}
	public := len(r.app.Secrets) == 0 && len(r.app.keys) == 0
	switch {
	case public && r.grant != grantApp:
		if secret != "" || assertion != "" {
			return aadsts(700025)
		}
		r.credential = "0"
	case assertion != "":
		r.credential = "2"
		return s.checkAssertion(r, assertion)
	case secret != "":
		r.credential = "1"
		return checkSecret(r.app, secret, r.now)
	case r.grant == grantApp:
		return aadsts(7000216)
	default:
		return aadsts(7000218)
	}
	return nil
}

func checkSecret(a *application, presented string, now time.Time) *authError {
	for _, secret := range a.Secrets {
		if subtle.ConstantTimeCompare([]byte(secret.Value), []byte(presented)) == 1 {
			if !secret.NotAfter.IsZero() && !now.Before(secret.NotAfter) {
				return aadsts(7000222, a.AppID)
			}
			return nil
		}
	}
	return aadsts(7000215, a.AppID)
}

// servicePrincipal is the app's presence in the tenant as the token endpoint sees it at this moment.
func (r *tokenRequest) servicePrincipal(t *tenant) (*principal, *authError) {
	p := t.principalAt(r.app.AppID, r.call.seen())
	switch {
	case p == nil || r.call.seen().Before(p.seenByLogin):
		switch r.call.switches.MissingPrincipal {
		case MissingIsNotFound:
			return nil, aadsts(700016, r.app.AppID, t.ID)
		case MissingGetsToken:
			return &principal{appID: r.app.AppID}, nil
		}
		return nil, aadsts(7000229, r.app.AppID, t.ID)
	case !p.enabled || r.app.disabled:
		return nil, aadsts(7000112, r.app.AppID, r.app.DisplayName)
	}
	return p, nil
}

// oidcScopes are sent along by clients whatever they want; MSAL does so even for an app's own tokens.
var oidcScopes = []string{"openid", "profile", "email", "offline_access"}

// audience is the resource a program wants a token for: named by scope, or by resource at the older endpoint.
func (r *tokenRequest) audience() (string, *authError) {
	if r.v1 {
		if r.form.Get("resource") == "" {
			return "", aadsts(900144, "resource")
		}
		return r.form.Get("resource"), nil
	}
	var resources []string
	for _, scope := range strings.Fields(r.form.Get("scope")) {
		if !slices.Contains(oidcScopes, scope) {
			resources = append(resources, scope)
		}
	}
	switch {
	case r.form.Get("scope") == "":
		return "", aadsts(900144, "scope")
	case len(resources) == 0:
		return "", aadsts(1002012, r.form.Get("scope"))
	case len(resources) > 1:
		return "", aadsts(700022)
	}
	audience, ok := strings.CutSuffix(resources[0], "/.default")
	if !ok {
		return "", aadsts(1002012, resources[0])
	}
	return audience, nil
}

func (s *Server) clientCredentials(r *tokenRequest) (map[string]any, *authError) {
	audience, refused := r.audience()
	if refused != nil {
		return nil, refused
	}
	switch audience = strings.TrimSuffix(audience, "/"); audience {
	case graphHost, graphAppID:
	case s.HTTPSURL(), s.authority():
		audience = graphHost
	default:
		return nil, aadsts(500011, audience, r.at.tenant.DisplayName)
	}
	p, refused := r.servicePrincipal(r.at.tenant)
	if refused != nil {
		return nil, refused
	}
	token, lifetime, err := s.appOnlyToken(r, r.at.tenant, p, audience)
	if err != nil {
		return nil, unavailable(err)
	}
	s.signIns.note(r.at.tenant.ID, r.app.AppID, false, r.call)
	return r.answer(token, lifetime, audience), nil
}

// answer is what every answer with a token has. The older endpoint writes its numbers as text.
func (r *tokenRequest) answer(token string, lifetime time.Duration, audience string) map[string]any {
	seconds := int(lifetime/time.Second) - 1
	if r.v1 {
		return map[string]any{"token_type": "Bearer", "access_token": token, "resource": audience,
			"expires_in": strconv.Itoa(seconds), "ext_expires_in": strconv.Itoa(seconds),
			"expires_on": strconv.FormatInt(r.now.Add(lifetime).Unix(), 10), "not_before": strconv.FormatInt(r.now.Add(-backdating).Unix(), 10)}
	}
	body := map[string]any{"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
	if r.call.switches.RefreshIn && lifetime >= 2*time.Hour {
		body["refresh_in"] = seconds / 2
	}
	return body
}

func unavailable(err error) *authError {
	return &authError{code: 90033, status: http.StatusServiceUnavailable, name: "temporarily_unavailable", text: err.Error()}
}
