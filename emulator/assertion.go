package emulator

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// clockSkew is how far clients' clocks may be off.
const clockSkew = 300 * time.Second

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// proof is a JWT that an app signed with one of its certificates: a client assertion or the proof of a key roll.
type proof struct {
	header    map[string]any
	claims    map[string]any
	input     string
	signature []byte
}

func parseProof(text string) (*proof, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, false
	}
	p := &proof{input: parts[0] + "." + parts[1]}
	for i, into := range []*map[string]any{&p.header, &p.claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil || *into == nil {
			return nil, false
		}
	}
	var err error
	p.signature, err = base64.RawURLEncoding.DecodeString(parts[2])
	return p, err == nil
}

func (p *proof) text(name string) string {
	s, _ := p.claims[name].(string)
	return s
}

// moment reads a NumericDate, whole or fractional, as some clients send it.
func (p *proof) moment(name string) (time.Time, bool) {
	n, ok := p.claims[name].(float64)
	if !ok || math.IsNaN(n) || math.Abs(n) > 1e11 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(n * 1000)).UTC(), true
}

// audiences is aud, which may be one text or a list.
func (p *proof) audiences() []string {
	switch aud := p.claims["aud"].(type) {
	case string:
		return []string{aud}
	case []any:
		var all []string
		for _, a := range aud {
			if text, ok := a.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

// thumbprint reads the certificate thumbprint of the header, in whichever base64 the client wrote it: MSAL for Go pads
// and uses the standard alphabet, others do not.
func (p *proof) thumbprint() (sum []byte, long bool) {
	for _, name := range []string{"x5t#S256", "x5t"} {
		text, _ := p.header[name].(string)
		text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
		if raw, err := base64.RawURLEncoding.DecodeString(text); err == nil && len(raw) > 0 {
			return raw, name == "x5t#S256"
		}
	}
	return nil, false
}

// verify checks the signature with one certificate, by the algorithm the header names if it is allowed.
func (p *proof) verify(c *credential, allowed ...string) bool {
	key, ok := c.cert.PublicKey.(*rsa.PublicKey)
	alg, _ := p.header["alg"].(string)
	if !ok || !slices.Contains(allowed, alg) {
		return false
	}
	return jwt.GetSigningMethod(alg).Verify(p.input, p.signature, key) == nil
}

// checkAssertion decides whether a client assertion proves the app (facts 3.1 to 3.4), in the order in which Entra's
// refusals show it to look.
func (s *Server) checkAssertion(r *tokenRequest, text string) *authError {
	if kind := r.form.Get("client_assertion_type"); kind == "" {
		return aadsts(900144, "client_assertion_type")
	} else if kind != assertionType {
		return aadsts(50027, "The client assertion type is not supported.")
	}
	p, ok := parseProof(text)
	if !ok {
		return aadsts(50027, "JWT token is invalid or malformed.")
	}
	alg, _ := p.header["alg"].(string)
	if alg != "RS256" && alg != "PS256" {
		return aadsts(50027, fmt.Sprintf("The algorithm '%s' is not supported.", alg))
	}
	switch issuer, subject := p.text("iss"), p.text("sub"); {
	case !strings.EqualFold(issuer, r.app.AppID): // Entra then takes it for the token of another issuer
		return aadsts(70025)
	case !strings.EqualFold(subject, issuer):
		return aadsts(50048)
	}
	sum, long := p.thumbprint()
	if sum == nil {
		return aadsts(50027, "No certificate thumbprint specified in token header.")
	}
	now := r.now
	var found *credential
	for _, k := range r.app.keysAt(r.call.seen()) {
		if long && bytes.Equal(sum, k.sha256()) || !long && bytes.Equal(sum, k.sha1()) {
			found = &k
		}
	}
	reason := ""
	switch {
	case found == nil:
		reason = "The key was not found."
	case !found.validAt(now):
		reason = "The key used is expired."
	case !p.verify(found, "RS256", "PS256"):
		reason = "The provided signature value did not match the expected signature value."
	}
	if reason != "" && r.call.switches.OldAssertionWording {
		e := aadsts(700027, reason, strings.ToUpper(hex.EncodeToString(sum)), r.app.AppID)
		e.text = strings.Replace(e.text, "The certificate with identifier used to sign the client assertion is not registered on application.", "Client assertion contains an invalid signature.", 1)
		return e
	}
	if reason != "" {
		return aadsts(700027, reason, strings.ToUpper(hex.EncodeToString(sum)), r.app.AppID)
	}
	if refused := p.checkTime(now); refused != nil {
		return refused
	}
	return s.checkAudience(r, p)
}

func (p *proof) checkTime(now time.Time) *authError {
	from, _ := p.moment("nbf")
	until, ok := p.moment("exp")
	if ok && !now.Add(clockSkew).Before(from) && now.Add(-clockSkew).Before(until) {
		return nil
	}
	const iso = "2006-01-02T15:04:05.0000000Z"
	if from.IsZero() {
		from = time.Unix(0, 0).UTC()
	}
	return aadsts(700024, now.Format(iso), from.Format(iso), until.Format(iso))
}

// checkAudience wants the endpoint that was called, however its tenant's name is spelled, the same with the tenant's
// GUID, or the issuer, at an address of ours (facts 3.1). That the real service also takes the other names of a tenant
// and the other version of the endpoint is not verified: a switch.
func (s *Server) checkAudience(r *tokenRequest, p *proof) *authError {
	endpoint, issuer := "/oauth2/v2.0/token", "/v2.0"
	if r.v1 {
		endpoint = "/oauth2/token"
	}
	called, _, _ := strings.Cut(strings.TrimPrefix(r.call.URL.Path, "/"), "/")
	paths := []string{called + endpoint, r.at.segment() + endpoint, r.at.segment() + issuer}
	switch {
	case r.call.switches.StrictAudience:
		paths = []string{strings.TrimPrefix(r.call.URL.Path, "/")}
	case r.call.switches.LooseAudience && r.at.tenant != nil:
		for _, name := range []string{r.at.tenant.ID, r.at.tenant.Domain} {
			paths = append(paths, name+"/oauth2/v2.0/token", name+"/oauth2/token", name+issuer)
		}
	}
	for _, aud := range p.audiences() {
		for _, origin := range []string{r.call.origin, s.HTTPSURL(), s.authority()} {
			if path, ours := cutPrefixFold(aud, origin+"/"); ours && containsFold(paths, path) {
				return nil
			}
		}
	}
	return aadsts(700023)
}

func cutPrefixFold(text, prefix string) (string, bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return "", false
	}
	return text[len(prefix):], true
}
