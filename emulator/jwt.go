package emulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// signJWT makes a token signed by a key.
func signJWT(k signingKey, header, claims map[string]any) (string, error) {
	header["typ"], header["alg"], header["kid"] = "JWT", "RS256", k.kid
	input := segment(header) + "." + segment(claims)
	signature, err := jwt.SigningMethodRS256.Sign(input, k.private)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func segment(v any) string {
	raw, _ := json.Marshal(v) // maps of plain values always marshal
	return base64.RawURLEncoding.EncodeToString(raw)
}

// signGraphToken makes an access token as Graph's are: its header shows a nonce whose hash, not itself, was signed, so
// that only Graph can check the signature and clients must treat the token as opaque.
func (s *Server) signGraphToken(claims map[string]any, plain bool) (string, error) {
	k := s.keys.signer()
	if plain {
		return signJWT(k, map[string]any{"x5t": k.kid}, claims)
	}
	nonce := randomText(32)
	token, err := signJWT(k, map[string]any{"nonce": hashedNonce(nonce), "x5t": k.kid}, claims)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(token, ".")
	return segment(map[string]any{"nonce": nonce, "x5t": k.kid, "typ": "JWT", "alg": "RS256", "kid": k.kid}) + "." + rest, nil
}

func hashedNonce(nonce string) string {
	sum := sha256.Sum256([]byte(nonce))
	return hex.EncodeToString(sum[:])
}

// openGraphToken checks the signature of an access token and returns its claims.
func (s *Server) openGraphToken(token string, now time.Time) (map[string]any, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	var header map[string]any
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || json.Unmarshal(raw, &header) != nil || header["alg"] != "RS256" {
		return nil, false
	}
	if nonce, ok := header["nonce"].(string); ok {
		header["nonce"] = hashedNonce(nonce)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, false
	}
	for _, k := range s.keys.published(now) {
		if k.kid == header["kid"] && jwt.SigningMethodRS256.Verify(segment(header)+"."+parts[1], signature, &k.private.PublicKey) == nil {
			claims := unverifiedClaims(token)
			return claims, claims != nil
		}
	}
	return nil, false
}

func unverifiedClaims(token string) map[string]any {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims map[string]any
	if json.Unmarshal(raw, &claims) != nil {
		return nil
	}
	return claims
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}

// randomText is n random bytes as base64url text.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// backdating is how far before its issue a token is valid already.
const backdating = 5 * time.Minute

// accessLifetime is random between 60 and 90 minutes, as Entra draws it, unless it is switched to a fixed time.
func accessLifetime(switches *Switches) time.Duration {
	if switches.TokenLifetime > 0 {
		return time.Duration(switches.TokenLifetime)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(30*60))
	if err != nil {
		return time.Hour
	}
	return time.Hour + time.Duration(n.Int64())*time.Second
}

// graphClaims are the claims every Graph access token has (facts 2.12).
func (r *tokenRequest) graphClaims(t *tenant, audience string, lifetime time.Duration) map[string]any {
	sts, now, a := "https://sts.windows.net/"+t.ID+"/", r.now, r.app
	claims := map[string]any{
		"aud": audience, "iss": sts, "idp": sts, "tid": t.ID, "ver": "1.0",
		"iat": now.Add(-backdating).Unix(), "nbf": now.Add(-backdating).Unix(), "exp": now.Add(lifetime).Unix(),
		"aio": randomText(24), "rh": "1." + randomText(24), "uti": randomText(16),
		"app_displayname": a.DisplayName, "appid": a.AppID, "appidacr": r.credential,
		"tenant_region_scope": "EU", "xms_tcdt": 1546300800, "xms_tdbr": "EU",
	}
	if r.call.switches.NewerClaims {
		claims["xms_idrel"], claims["xms_ftd"], claims["xms_st"] = "7 24", randomText(32), map[string]any{"sub": pairwise(&Person{TenantID: t.ID}, a.AppID)}
	}
	return claims
}

// appOnlyToken is a token of an app for itself. It carries the roles that have become visible, and no roles claim at
// all without any.
func (s *Server) appOnlyToken(r *tokenRequest, t *tenant, p *principal, audience string) (string, time.Duration, error) {
	lifetime := accessLifetime(r.call.switches)
	claims := r.graphClaims(t, audience, lifetime)
	claims["idtyp"] = "app"
	if p.objectID != "" {
		claims["oid"], claims["sub"] = p.objectID, p.objectID
	}
	claims["wids"] = []string{"0997a1d0-0d1d-4acb-b408-d5ca73121e90"}
	var roles []string
	for _, id := range p.rolesAt(r.call.seen()) {
		roles = append(roles, graphRoles[key(id)].name)
	}
	if len(roles) > 0 && !s.faults.shapes(r.call, func(f *Fault) bool { return f.WithoutRoles }) {
		claims["roles"] = roles
	}
	token, err := s.signGraphToken(claims, r.call.switches.PlainGraphTokens)
	return token, lifetime, err
}

// delegatedToken is a token of an app for a person who signed in.
func (s *Server) delegatedToken(r *tokenRequest, t *tenant, person *Person, scopes []string) (string, time.Duration, error) {
	lifetime := accessLifetime(r.call.switches)
	claims := r.graphClaims(t, graphAppID, lifetime)
	claims["idtyp"], claims["oid"], claims["sub"] = "user", person.ObjectID, pairwise(person, directoryAppID)
	claims["name"], claims["upn"], claims["unique_name"] = person.Name, person.UPN, person.UPN
	claims["scp"], claims["wids"] = strings.Join(scopes, " "), wids(person)
	token, err := s.signGraphToken(claims, r.call.switches.PlainGraphTokens)
	return token, lifetime, err
}

// idToken says who signed in, in the v2 format (facts 2.8).
func (s *Server) idToken(t *tenant, a *application, person *Person, nonce, session string, scopes []string, now time.Time) (string, error) {
	claims := map[string]any{
		"aud": a.AppID, "iss": s.issuer(t.ID), "tid": t.ID, "ver": "2.0",
		"iat": now.Add(-backdating).Unix(), "nbf": now.Add(-backdating).Unix(), "exp": now.Add(time.Hour).Unix(),
		"oid": person.ObjectID, "sub": pairwise(person, a.AppID), "aio": randomText(24), "rh": "1." + randomText(24),
		"uti": randomText(16), "sid": session,
	}
	for _, scope := range scopes {
		switch scope {
		case "profile":
			claims["name"], claims["preferred_username"] = person.Name, person.UPN
		case "email":
			claims["email"] = person.UPN
		}
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if containsFold([]string{"DirectoryRole", "All"}, a.GroupMembershipClaims) {
		claims["wids"] = wids(person)
	}
	if containsFold(a.OptionalClaims, "acct") {
		claims["acct"] = 0
		if person.Guest {
			claims["acct"] = 1
		}
	}
	if person.Guest {
		claims["idp"] = "https://sts.windows.net/" + derivedID("home of a guest", person.UPN) + "/"
	}
	return signJWT(s.keys.signer(), map[string]any{}, claims)
}

// wids are the template ids of a person's active roles; everybody has the one of members or guests.
func wids(p *Person) []string {
	base := roleMember
	if p.Guest {
		base = roleGuest
	}
	return append(append([]string{}, p.Roles...), base)
}

// pairwise is a subject that another app cannot recognise.
func pairwise(p *Person, appID string) string {
	sum := sha256.Sum256([]byte(key(p.TenantID) + "|" + key(p.ObjectID) + "|" + key(appID)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
