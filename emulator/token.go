package emulator

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// issuedCode is an authorization code waiting to be redeemed.
type issuedCode struct {
	appID, tenantID, person string
	redirect                string
	scopes                  []string
	nonce                   string
	challenge, method       string
	session                 string
	at                      time.Time
	redeemed                bool
}

const codeLifetime = 10 * time.Minute

// codeBook holds the codes of this run; a restart forgets them, as their few minutes would have.
type codeBook struct {
	mu    sync.Mutex
	codes map[string]*issuedCode
}

func (b *codeBook) issue(code issuedCode) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.codes == nil {
		b.codes = map[string]*issuedCode{}
	}
	for text, old := range b.codes {
		if code.at.Sub(old.at) > 2*codeLifetime {
			delete(b.codes, text)
		}
	}
	text := "1.A" + randomText(48)
	b.codes[text] = &code
	return text
}

// redeem hands a code out once.
func (b *codeBook) redeem(text, tenantID string, now time.Time) (issuedCode, *authError) {
	b.mu.Lock()
	defer b.mu.Unlock()
	code := b.codes[text]
	switch {
	case code == nil:
		return issuedCode{}, aadsts(70000)
	case !strings.EqualFold(code.tenantID, tenantID) && tenantID != "":
		return issuedCode{}, aadsts(700005)
	case code.redeemed:
		return issuedCode{}, aadsts(54005)
	case now.Sub(code.at) > codeLifetime:
		return issuedCode{}, aadsts(70008)
	}
	code.redeemed = true
	return *code, nil
}

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

// tokenRequest is a token request with everything that was found out about it so far.
type tokenRequest struct {
	call       *call
	form       url.Values
	at         place
	app        *application
	credential string // appidacr: 0 public, 1 secret, 2 certificate
}

func (s *Server) token(w http.ResponseWriter, c *call, name string) {
	body, refused := s.answerToken(c, name)
	if refused != nil {
		writeAuthError(w, c, refused)
		return
	}
	writeAuthJSON(w, c, http.StatusOK, body)
}

// answerToken issues tokens. Everything is decided on one state of the world.
func (s *Server) answerToken(c *call, name string) (map[string]any, *authError) {
	if c.Method != http.MethodPost {
		return nil, aadsts(900561, c.Method)
	}
	form, err := url.ParseQuery(string(c.content))
	if err != nil {
		return nil, aadsts(900144, "grant_type")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := &tokenRequest{call: c, form: form}
	grant := form.Get("grant_type")
	if grant == "" {
		return nil, aadsts(900144, "grant_type")
	}
	if grant != "client_credentials" && grant != "authorization_code" {
		return nil, aadsts(70003, grant)
	}
	var refused *authError
	if r.at, refused = s.world.placeNamed(name); refused != nil {
		return nil, refused
	}
	if grant == "client_credentials" && r.at.many() {
		if r.at.name == anyOrganization {
			return nil, aadsts(50059)
		}
		return nil, aadsts(9001023)
	}
	if refused = s.identifyClient(r); refused != nil {
		return nil, refused
	}
	if grant == "client_credentials" {
		return s.clientCredentials(r)
	}
	return s.redeemCode(r)
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
	secret, assertion := r.form.Get("client_secret"), r.form.Get("client_assertion")
	if _, password, ok := r.call.BasicAuth(); ok {
		if decoded, err := url.QueryUnescape(password); err == nil {
			secret = decoded
		}
	}
	public := len(r.app.Secrets) == 0 && len(r.app.keys) == 0
	switch {
	case public && r.form.Get("grant_type") == "authorization_code":
		if secret != "" || assertion != "" {
			return aadsts(700025)
		}
		r.credential = "0"
	case assertion != "":
		r.credential = "2"
		return s.checkAssertion(r, assertion)
	case secret != "":
		r.credential = "1"
		return checkSecret(r.app, secret, r.call.entry.At)
	case r.form.Get("grant_type") == "client_credentials":
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
	p := t.principals[key(r.app.AppID)]
	switch {
	case p == nil || r.call.entry.At.Before(p.seenByLogin):
		return nil, aadsts(7000229, r.app.AppID, t.ID)
	case !p.enabled || r.app.disabled:
		return nil, aadsts(7000112, r.app.AppID, r.app.DisplayName)
	}
	return p, nil
}

// oidcScopes are sent along by clients whatever they want; MSAL does so even for an app's own tokens.
var oidcScopes = []string{"openid", "profile", "email", "offline_access"}

func (s *Server) clientCredentials(r *tokenRequest) (map[string]any, *authError) {
	var resources []string
	for _, scope := range strings.Fields(r.form.Get("scope")) {
		if !slices.Contains(oidcScopes, scope) {
			resources = append(resources, scope)
		}
	}
	if r.form.Get("scope") == "" {
		return nil, aadsts(900144, "scope")
	}
	if len(resources) == 0 {
		return nil, aadsts(1002012, r.form.Get("scope"))
	}
	if len(resources) > 1 {
		return nil, aadsts(700022)
	}
	audience, ok := strings.CutSuffix(resources[0], "/.default")
	if !ok {
		return nil, aadsts(1002012, resources[0])
	}
	switch strings.TrimSuffix(audience, "/") {
	case graphHost, graphAppID, strings.TrimSuffix(s.HTTPSURL(), "/"):
		audience = strings.TrimSuffix(audience, "/")
	default:
		return nil, aadsts(500011, audience, r.at.tenant.DisplayName)
	}
	p, refused := r.servicePrincipal(r.at.tenant)
	if refused != nil {
		return nil, refused
	}
	if audience == s.HTTPSURL() {
		audience = graphHost
	}
	now := r.call.entry.At
	token, lifetime, err := s.appOnlyToken(r.at.tenant, r.app, p, audience, r.credential, now)
	if err != nil {
		return nil, &authError{code: 90033, status: http.StatusServiceUnavailable, name: "temporarily_unavailable", text: err.Error()}
	}
	seconds := int(lifetime/time.Second) - 1
	return map[string]any{"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}, nil
}

func (s *Server) redeemCode(r *tokenRequest) (map[string]any, *authError) {
	now := r.call.entry.At
	if r.form.Get("code") == "" {
		return nil, aadsts(900144, "code")
	}
	tenantID := ""
	if r.at.tenant != nil {
		tenantID = r.at.tenant.ID
	}
	code, refused := s.codes.redeem(r.form.Get("code"), tenantID, now)
	if refused != nil {
		return nil, refused
	}
	if !strings.EqualFold(code.appID, r.app.AppID) {
		return nil, aadsts(70000)
	}
	if redirect := r.form.Get("redirect_uri"); redirect != code.redirect {
		return nil, aadsts(500112, redirect, code.redirect)
	}
	if refused := code.checkVerifier(r.form.Get("code_verifier")); refused != nil {
		return nil, refused
	}
	t := s.world.tenant(code.tenantID)
	person := t.person(code.person)
	if person == nil {
		return nil, aadsts(70000)
	}
	if p := t.principals[key(r.app.AppID)]; p == nil || !p.enabled || r.app.disabled {
		return nil, aadsts(7000112, r.app.AppID, r.app.DisplayName)
	}
	token, lifetime, err := s.delegatedToken(t, r.app, person, code.scopes, r.credential, now)
	if err != nil {
		return nil, &authError{code: 90033, status: http.StatusServiceUnavailable, name: "temporarily_unavailable", text: err.Error()}
	}
	seconds := int(lifetime/time.Second) - 1
	body := map[string]any{"token_type": "Bearer", "scope": strings.Join(code.scopes, " "), "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
	if slices.Contains(code.scopes, "openid") {
		if body["id_token"], err = s.idToken(t, r.app, person, code.nonce, code.session, code.scopes, now); err != nil {
			return nil, &authError{code: 90033, status: http.StatusServiceUnavailable, name: "temporarily_unavailable", text: err.Error()}
		}
	}
	if r.form.Get("client_info") == "1" {
		body["client_info"] = segment(map[string]any{"uid": person.ObjectID, "utid": t.ID})
	}
	return body, nil
}

// checkVerifier compares the proof key of the redeemer with the challenge of the request (RFC 7636).
func (code *issuedCode) checkVerifier(verifier string) *authError {
	if code.challenge == "" && verifier == "" {
		return nil
	}
	if code.method == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if subtle.ConstantTimeCompare([]byte(verifier), []byte(code.challenge)) != 1 {
		return aadsts(501481)
	}
	return nil
}
