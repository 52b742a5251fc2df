package emulator

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// applicationChanged is a PATCH of an app. Keys, where given, are the whole collection from now on.
type applicationChanged struct {
	AppID       string     `json:"appId"`
	DisplayName *string    `json:"displayName,omitempty"`
	Disabled    *bool      `json:"disabled,omitempty"`
	Keys        *[]keyPart `json:"keys,omitempty"`
	Delay       string     `json:"delay,omitempty"`
}

// keyPart is a key that stays, by its id alone, or a new one.
type keyPart struct {
	KeyID string `json:"keyId"`
	DER   []byte `json:"der,omitempty"`
	Name  string `json:"name,omitempty"`
}

// patchApplication changes an app as its administrators do. keyCredentials replaces the whole collection: what is left
// out is gone, and of two writers at once the later wins, as there is no ETag (facts 4.8).
func (s *Server) patchApplication(g *graphCall) ([]byte, *graphError) {
	s.mu.RLock()
	target, refused := s.findApplication(g)
	if refused == nil && target != g.app && !g.has("Application.ReadWrite.All", "Directory.ReadWrite.All") {
		refused = errForbidden
	}
	var held []credential
	changed := applicationChanged{Delay: s.config.KeyDelay.String()}
	if refused == nil {
		changed.AppID, held = target.AppID, slices.Clone(target.keys)
	}
	s.mu.RUnlock()
	if refused != nil {
		return nil, refused
	}
	var asked map[string]json.RawMessage
	if json.Unmarshal(g.content, &asked) != nil {
		return nil, errJSON
	}
	for name, raw := range asked {
		var err error
		switch name {
		case "displayName":
			err = json.Unmarshal(raw, &changed.DisplayName)
		case "isDisabled":
			err = json.Unmarshal(raw, &changed.Disabled)
		case "keyCredentials":
			var keys []keyPayload
			if err = json.Unmarshal(raw, &keys); err == nil {
				changed.Keys, refused = replacement(keys, held, &g.switches.Graph)
			}
		case "passwordCredentials":
			refused = badRequest("Updates to passwordCredentials are not allowed; use addPassword and removePassword.")
		default:
			g.entry.Unknown = true
			refused = badRequest("Property '" + name + "' cannot be changed here.")
		}
		if err != nil {
			return nil, errJSON
		}
		if refused != nil {
			return nil, refused
		}
	}
	if err := s.commit(eventApplicationChanged, changed); err != nil {
		return nil, asGraphError(err)
	}
	return nil, nil
}

// replacement checks a new collection of keys against the one held.
func replacement(keys []keyPayload, held []credential, switches *GraphSwitches) (*[]keyPart, *graphError) {
	parts := []keyPart{}
	for i := range keys {
		k := &keys[i]
		known := slices.ContainsFunc(held, func(c credential) bool { return strings.EqualFold(c.id, k.KeyID) })
		if known && len(k.Key) == 0 {
			if switches.NullKeyRefused {
				return nil, badRequest("A key credential without a key cannot be written.")
			}
			parts = append(parts, keyPart{KeyID: k.KeyID})
			continue
		}
		if refused := k.check(switches); refused != nil {
			return nil, refused
		}
		part := keyPart{KeyID: k.KeyID, DER: k.Key, Name: k.DisplayName}
		if part.KeyID == "" {
			part.KeyID = newGUID()
		} else if !isGUID(part.KeyID) {
			return nil, badRequest("The keyId '" + part.KeyID + "' is not a GUID.")
		}
		parts = append(parts, part)
	}
	if len(parts) > maxCredentials {
		return nil, &graphError{status: http.StatusBadRequest, code: "Directory_QuotaExceeded", message: "The app has as many credentials as it may have."}
	}
	return &parts, nil
}

// changeApplication makes a PATCH true. Keys that were there keep the moment from which they are accepted.
func (w *world) changeApplication(e event, c applicationChanged) error {
	a, err := w.mustApp(c.AppID)
	if err != nil {
		return err
	}
	delay, err := time.ParseDuration(or(c.Delay, "0s"))
	if err != nil {
		return fmt.Errorf("read the delay of a changed application: %w", err)
	}
	keys := a.keys
	if c.Keys != nil {
		keys = nil
		for _, part := range *c.Keys {
			if old := a.key(part.KeyID); old != nil && (len(part.DER) == 0 || string(part.DER) == string(old.cert.Raw)) {
				keys = append(keys, *old)
				continue
			}
			cert, err := x509.ParseCertificate(part.DER)
			if err != nil {
				return fmt.Errorf("the certificate cannot be read: %w", err)
			}
			keys = append(keys, credential{id: part.KeyID, cert: cert, name: part.Name, visibleAt: e.At.Add(delay)})
		}
		for _, old := range a.keys {
			if !slices.ContainsFunc(keys, func(k credential) bool { return k.id == old.id }) {
				a.removed = append(a.removed, removedKey{credential: old, at: e.At})
			}
		}
	}
	a.keys = keys
	if c.DisplayName != nil {
		a.DisplayName = *c.DisplayName
	}
	if c.Disabled != nil {
		a.disabled = *c.Disabled
	}
	return nil
}
