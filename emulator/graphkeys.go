package emulator

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// proofLifetime is the longest a proof of key possession may be valid.
	proofLifetime = 10 * time.Minute
	// maxCredentials bounds all collections of an app together (facts 4.9).
	maxCredentials = 1000
)

var (
	// errProof is about the proof in the body, although it reads as if it were about the caller's token.
	errProof = &graphError{status: http.StatusUnauthorized, code: "Authentication_MissingOrMalformed", message: "Access Token missing or malformed."}
	errJSON  = &graphError{status: http.StatusBadRequest, code: "BadRequest",
		message: "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."}
)

// ownApplication is the app whose keys are to be rolled: the caller itself, in its home tenant, without any permission
// (facts 4.5).
func (s *Server) ownApplication(g *graphCall) (string, *graphError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	target, refused := s.findApplication(g)
	switch {
	case refused != nil:
		return "", refused
	case target != g.app || g.person != "":
		return "", errForbidden
	}
	return target.AppID, nil
}

// checkProof wants a JWT signed by one of the app's present and valid certificates, naming the app by object id.
func (s *Server) checkProof(g *graphCall, appID, text string) *graphError {
	p, ok := parseProof(text)
	if !ok {
		return errProof
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.world.app(appID)
	if a == nil {
		return errProof
	}
	now, switches := g.entry.At, &g.switches.Graph
	from, _ := p.moment("nbf")
	until, ok := p.moment("exp")
	audiences := p.audiences()
	if !ok || until.Sub(from) > proofLifetime || now.Add(clockSkew).Before(from) || !now.Add(-clockSkew).Before(until) ||
		len(audiences) != 1 || !strings.EqualFold(p.text("iss"), a.ObjectID) ||
		audiences[0] != directoryAppID && !(switches.ProofForGraph && audiences[0] == graphAppID) {
		return errProof
	}
	algorithms := []string{"RS256"}
	if switches.ProofPS256 {
		algorithms = append(algorithms, "PS256")
	}
	for i := range a.keys {
		if a.keys[i].validAt(now) && p.verify(&a.keys[i], algorithms...) {
			return nil
		}
	}
	return errProof
}

// keyPayload is a keyCredential as a client writes it.
type keyPayload struct {
	KeyID       string  `json:"keyId"`
	Type        string  `json:"type"`
	Usage       string  `json:"usage"`
	Key         []byte  `json:"key"`
	DisplayName string  `json:"displayName"`
	EndDateTime *string `json:"endDateTime"`
}

// check wants a certificate for verifying, not to be used after its own end.
func (k *keyPayload) check(switches *GraphSwitches) *graphError {
	if len(k.Key) == 0 {
		return badRequest("A non-empty keyCredential with a key is required.")
	}
	if k.Type != "AsymmetricX509Cert" || k.Usage != "Verify" {
		return badRequest("Only a keyCredential of type AsymmetricX509Cert with usage Verify is supported here.")
	}
	cert, err := x509.ParseCertificate(k.Key)
	if err != nil {
		return badRequest("Key credential is invalid: the certificate cannot be read.")
	}
	if k.EndDateTime != nil && *k.EndDateTime != "" && !switches.LateKeyEnd {
		if end, err := time.Parse(time.RFC3339, *k.EndDateTime); err != nil || end.After(cert.NotAfter) {
			return &graphError{status: http.StatusBadRequest, code: "KeyCredentialsInvalidEndDate", message: "Key credential end date is invalid."}
		}
	}
	return nil
}

func (s *Server) addKey(g *graphCall) ([]byte, *graphError) {
	appID, refused := s.ownApplication(g)
	if refused != nil {
		return nil, refused
	}
	var asked struct {
		KeyCredential      *keyPayload `json:"keyCredential"`
		PasswordCredential *struct{}   `json:"passwordCredential"`
		Proof              string      `json:"proof"`
	}
	if err := json.Unmarshal(g.content, &asked); err != nil {
		return nil, errJSON
	}
	if asked.KeyCredential == nil {
		return nil, badRequest("A non-empty keyCredential with a key is required.")
	}
	if refused := asked.KeyCredential.check(&g.switches.Graph); refused != nil {
		return nil, refused
	}
	if asked.PasswordCredential != nil {
		return nil, badRequest("passwordCredential must be null for a key of type AsymmetricX509Cert.")
	}
	if refused := s.checkProof(g, appID, asked.Proof); refused != nil {
		return nil, refused
	}
	if g.switches.Graph.SameKeyRefused && s.holdsKey(appID, asked.KeyCredential.Key) {
		return nil, badRequest("A key credential with the same certificate already exists.")
	}
	added := keyAdded{AppID: appID, KeyID: newGUID(), DER: asked.KeyCredential.Key, Name: asked.KeyCredential.DisplayName, Delay: s.config.KeyDelay}
	if s.full(appID, 1) {
		return nil, &graphError{status: http.StatusBadRequest, code: "Directory_QuotaExceeded", message: "The app has as many credentials as it may have."}
	}
	if err := s.commit(eventKeyAdded, added); err != nil {
		return nil, badRequest("Key credential is invalid: " + err.Error())
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	answer := entity{}
	if a := s.world.app(appID); a != nil && !g.switches.Graph.BareAddKey {
		if k := a.key(added.KeyID); k != nil {
			answer = keyCredential(k, false)
		}
	}
	answer["@odata.context"] = g.metadata("microsoft.graph.keyCredential")
	body, _ := json.Marshal(answer) // plain values always marshal
	return body, nil
}

// holdsKey tells whether a certificate is among the app's.
func (s *Server) holdsKey(appID string, der []byte) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.world.app(appID)
	return a != nil && slices.ContainsFunc(a.keys, func(k credential) bool { return bytes.Equal(k.cert.Raw, der) })
}

func (s *Server) full(appID string, more int) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.world.app(appID)
	return a != nil && len(a.keys)+len(a.Secrets)+len(a.RedirectURIs)+len(a.RequiredRoles)+more > maxCredentials
}

func (s *Server) removeKey(g *graphCall) ([]byte, *graphError) {
	appID, refused := s.ownApplication(g)
	if refused != nil {
		return nil, refused
	}
	var asked struct {
		KeyID string `json:"keyId"`
		Proof string `json:"proof"`
	}
	if err := json.Unmarshal(g.content, &asked); err != nil || !isGUID(asked.KeyID) {
		return nil, badRequest("A keyId is required.")
	}
	if refused := s.checkProof(g, appID, asked.Proof); refused != nil {
		return nil, refused
	}
	if err := s.commit(eventKeyRemoved, keyRemoved{AppID: appID, KeyID: asked.KeyID}); err != nil {
		return nil, badRequest("No credentials found to be removed with the key id " + asked.KeyID + ".")
	}
	return nil, nil
}

// keyCredential is a key as Graph shows it.
func keyCredential(k *credential, withKey bool) entity {
	shown := entity{
		"keyId": k.id, "type": "AsymmetricX509Cert", "usage": "Verify", "displayName": k.name, "key": nil,
		"customKeyIdentifier": strings.ToUpper(hex.EncodeToString(k.sha1())),
		"startDateTime":       k.cert.NotBefore.UTC().Format(time.RFC3339), "endDateTime": k.cert.NotAfter.UTC().Format(time.RFC3339),
	}
	if k.name == "" {
		shown["displayName"] = nil
	}
	if withKey {
		shown["key"] = base64.StdEncoding.EncodeToString(k.cert.Raw)
	}
	return shown
}
