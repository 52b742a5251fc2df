package emulator

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
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

// redeemCode issues the tokens that a code stands for.
func (s *Server) redeemCode(r *tokenRequest) (map[string]any, *authError) {
	if r.form.Get("code") == "" {
		return nil, aadsts(900144, "code")
	}
	code, refused := s.codes.redeem(r.form.Get("code"), r.tenantID(), r.now)
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
	return s.personTokens(r, signedInAs{AppID: code.appID, TenantID: code.tenantID, Person: code.person, Scopes: code.scopes, Session: code.session}, code.nonce)
}

// signedInAs is who uses an app and what for; a refresh token holds it, sealed.
type signedInAs struct {
	AppID    string    `json:"a"`
	TenantID string    `json:"t"`
	Person   string    `json:"p"`
	Scopes   []string  `json:"s"`
	Session  string    `json:"i"`
	At       time.Time `json:"at"`
}

const (
	refreshToken    = "refresh token"
	refreshLifetime = 90 * 24 * time.Hour
)

// refresh issues new tokens without the person, as long as person, app and consent are what they were.
func (s *Server) refresh(r *tokenRequest) (map[string]any, *authError) {
	text := r.form.Get("refresh_token")
	if text == "" {
		return nil, aadsts(900144, "refresh_token")
	}
	var as signedInAs
	raw, ok := s.keys.opened(refreshToken, text)
	switch {
	case !ok || json.Unmarshal(raw, &as) != nil || !strings.EqualFold(as.AppID, r.app.AppID):
		return nil, aadsts(70000)
	case r.at.tenant != nil && r.at.tenant.ID != as.TenantID:
		return nil, aadsts(700005)
	case r.now.Sub(as.At) > refreshLifetime:
		return nil, aadsts(70008)
	}
	if wanted := strings.Fields(r.form.Get("scope")); len(wanted) > 0 {
		as.Scopes = slices.DeleteFunc(as.Scopes, func(s string) bool {
			return !slices.Contains(wanted, s) && !slices.Contains(wanted, graphHost+"/"+s) && !slices.Contains(oidcScopes, s)
		})
	}
	if p := s.world.tenant(as.TenantID).principals[key(as.AppID)]; p != nil && !p.hasScopes(as.Person, as.Scopes) {
		return nil, aadsts(65001, r.app.AppID, r.app.DisplayName)
	}
	return s.personTokens(r, as, "")
}

// personTokens are the tokens of an app for a person.
func (s *Server) personTokens(r *tokenRequest, as signedInAs, nonce string) (map[string]any, *authError) {
	t := s.world.tenant(as.TenantID)
	person := t.person(as.Person)
	if person == nil {
		return nil, aadsts(70000)
	}
	if u, err := t.directory.User(as.Person); err != nil || !u.AccountEnabled {
		return nil, aadsts(50057)
	}
	if p := t.principals[key(r.app.AppID)]; p == nil || !p.enabled || r.app.disabled {
		return nil, aadsts(7000112, r.app.AppID, r.app.DisplayName)
	}
	token, lifetime, err := s.delegatedToken(r, t, person, as.Scopes)
	if err != nil {
		return nil, unavailable(err)
	}
	s.signIns.note(t.ID, r.app.AppID, true, r.call)
	body := r.answer(token, lifetime, graphHost)
	body["scope"] = strings.Join(as.Scopes, " ")
	if slices.Contains(as.Scopes, "openid") {
		if body["id_token"], err = s.idToken(t, r.app, person, nonce, as.Session, as.Scopes, r.now); err != nil {
			return nil, unavailable(err)
		}
	}
	if slices.Contains(as.Scopes, "offline_access") {
		as.At = r.now
		raw, _ := json.Marshal(as) // plain values always marshal
		body["refresh_token"] = s.keys.sealed(refreshToken, raw)
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
