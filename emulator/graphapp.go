package emulator

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

const (
	actionAddKey    = "addKey"
	actionRemoveKey = "removeKey"
	// proofLifetime is the longest a proof of key possession may be valid.
	proofLifetime = 10 * time.Minute
)

// changeApplication answers the actions that roll an app's keys (facts 4.2 to 4.7). It reports whether the request
// was one.
func (s *Server) changeApplication(g *graphCall, path []string) (bool, []byte, *graphError) {
	action := strings.TrimPrefix(path[len(path)-1], "microsoft.graph.")
	if g.Method != http.MethodPost || action != actionAddKey && action != actionRemoveKey {
		return false, nil, nil
	}
	appID, byApp := keyed(path[0], "applications", "appId")
	if !(byApp && len(path) == 2) && !(path[0] == "applications" && len(path) == 3) {
		return false, nil, nil
	}
	s.mu.RLock()
	target := s.world.app(appID)
	if !byApp {
		target = s.world.appByObject(path[1])
	}
	refused := s.mayRoll(g, target, path)
	if refused == nil {
		appID = target.AppID
	}
	s.mu.RUnlock()
	if refused != nil {
		return true, nil, refused
	}
	if action == actionAddKey {
		body, refused := s.rollIn(g, appID)
		return true, body, refused
	}
	return true, nil, s.rollOut(g, appID)
}

// mayRoll lets an app touch its own keys, and nobody else without permission; both only in the app's home tenant.
func (s *Server) mayRoll(g *graphCall, target *application, path []string) *graphError {
	switch {
	case target == nil || target.home != g.tenant:
		return notFound(path[len(path)-2])
	case target != g.app:
		return errForbidden
	}
	return nil
}

// errProof is about the proof in the body, although it reads as if it were about the caller's token.
var errProof = &graphError{status: http.StatusUnauthorized, code: "Authentication_MissingOrMalformed", message: "Access Token missing or malformed."}

// checkProof wants a JWT signed by one of the app's present and valid certificates, naming the app by object id.
func (s *Server) checkProof(appID, text string, now time.Time) *graphError {
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
	from, _ := p.moment("nbf")
	until, ok := p.moment("exp")
	audiences := p.audiences()
	if !ok || until.Sub(from) > proofLifetime || now.Add(clockSkew).Before(from) || !now.Add(-clockSkew).Before(until) ||
		len(audiences) != 1 || audiences[0] != directoryAppID || !strings.EqualFold(p.text("iss"), a.ObjectID) {
		return errProof
	}
	for i := range a.keys {
		if a.keys[i].validAt(now) && p.verify(&a.keys[i], "RS256") {
			return nil
		}
	}
	return errProof
}

func (s *Server) rollIn(g *graphCall, appID string) ([]byte, *graphError) {
	var asked struct {
		KeyCredential *struct {
			Type        string `json:"type"`
			Usage       string `json:"usage"`
			Key         []byte `json:"key"`
			DisplayName string `json:"displayName"`
		} `json:"keyCredential"`
		PasswordCredential *struct{} `json:"passwordCredential"`
		Proof              string    `json:"proof"`
	}
	if err := json.Unmarshal(g.content, &asked); err != nil {
		return nil, &graphError{status: http.StatusBadRequest, code: "BadRequest", message: "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."}
	}
	switch k := asked.KeyCredential; {
	case k == nil || len(k.Key) == 0:
		return nil, badRequest("A non-empty keyCredential with a key is required.")
	case k.Type != "AsymmetricX509Cert" || k.Usage != "Verify":
		return nil, badRequest("Only a keyCredential of type AsymmetricX509Cert with usage Verify is supported here.")
	case asked.PasswordCredential != nil:
		return nil, badRequest("passwordCredential must be null for a key of type AsymmetricX509Cert.")
	}
	if refused := s.checkProof(appID, asked.Proof, g.entry.At); refused != nil {
		return nil, refused
	}
	name := asked.KeyCredential.DisplayName
	added := keyAdded{AppID: appID, KeyID: newGUID(), DER: asked.KeyCredential.Key, Name: name, Delay: s.config.KeyDelay}
	if err := s.commit(eventKeyAdded, added); err != nil {
		return nil, badRequest("Key credential is invalid: " + err.Error())
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.world.app(appID); a != nil {
		if k := a.key(added.KeyID); k != nil {
			answer := keyCredential(k, false)
			answer["@odata.context"] = g.origin + "/" + g.version + "/$metadata#microsoft.graph.keyCredential"
			body, _ := json.Marshal(answer) // plain values always marshal
			return body, nil
		}
	}
	return nil, notFound(added.KeyID)
}

func (s *Server) rollOut(g *graphCall, appID string) *graphError {
	var asked struct{ KeyID, Proof string }
	if err := json.Unmarshal(g.content, &asked); err != nil || !isGUID(asked.KeyID) {
		return badRequest("A keyId is required.")
	}
	if refused := s.checkProof(appID, asked.Proof, g.entry.At); refused != nil {
		return refused
	}
	if err := s.commit(eventKeyRemoved, keyRemoved{AppID: appID, KeyID: asked.KeyID}); err != nil {
		return badRequest("No credentials found to be removed with the key id " + asked.KeyID + ".")
	}
	return nil
}

// keyCredential is a key as Graph shows it; the certificate itself only when a single object is asked for it.
func keyCredential(k *credential, withKey bool) map[string]any {
	shown := map[string]any{
		"keyId": k.id, "type": "AsymmetricX509Cert", "usage": "Verify", "displayName": k.name, "key": nil,
		"customKeyIdentifier": strings.ToUpper(hex.EncodeToString(k.sha1())),
		"startDateTime":       k.cert.NotBefore.UTC().Format(time.RFC3339), "endDateTime": k.cert.NotAfter.UTC().Format(time.RFC3339),
	}
	if k.name == "" {
		shown["displayName"] = nil
	}
	if withKey {
		shown["key"] = k.cert.Raw
	}
	return shown
}

func readApplication(g *graphCall, a *application, id string) ([]byte, *graphError) {
	if refused := g.allow(readApplications); refused != nil {
		return nil, refused
	}
	if a == nil || a.home != g.tenant {
		return nil, notFound(id)
	}
	names, selects := g.option("select")
	wantsKeys := false
	for name := range strings.SplitSeq(names, ",") {
		wantsKeys = wantsKeys || strings.TrimSpace(name) == "keyCredentials"
	}
	keys, secrets := []any{}, []any{}
	for i := range a.keys {
		keys = append(keys, keyCredential(&a.keys[i], wantsKeys))
	}
	for _, secret := range a.Secrets {
		secrets = append(secrets, map[string]any{"keyId": derivedID(a.ObjectID, secret.Value), "hint": secret.Value[:min(3, len(secret.Value))],
			"endDateTime": secret.NotAfter.UTC().Format(time.RFC3339), "secretText": nil})
	}
	audience := "AzureADMyOrg"
	if a.MultiTenant {
		audience = "AzureADMultipleOrgs"
	}
	all := map[string]any{"id": a.ObjectID, "appId": a.AppID, "displayName": a.DisplayName, "signInAudience": audience,
		"keyCredentials": keys, "passwordCredentials": secrets, "isDisabled": a.disabled}
	shown := all
	if selects && names != "" {
		shown = map[string]any{"id": a.ObjectID}
		for name := range strings.SplitSeq(names, ",") {
			if value, known := all[strings.TrimSpace(name)]; known {
				shown[strings.TrimSpace(name)] = value
			}
		}
	}
	shown["@odata.context"] = g.origin + "/" + g.version + "/$metadata#applications/$entity"
	body, _ := json.Marshal(shown) // plain values always marshal
	return body, nil
}
