package entra

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"consentry/internal/consent"
)

// idTokens verifies id tokens of any tenant of one cloud.
type idTokens struct {
	cloud Cloud
	now   func() time.Time
	http  *http.Client

	mu   sync.Mutex // guards keys
	keys map[string]*issuerKeys
}

// claims are those this package uses. Everything else in a token is ignored: names and addresses may be anything.
type claims struct {
	TenantID string
	ObjectID string
	Nonce    string
	Name     string
	Roles    []string
	Account  json.RawMessage // nil if the token does not say
}

// UnmarshalJSON takes claims by their exact names. Go's own matching ignores letter case, and a customer may have
// claims of his own added to the tokens of his tenant: "Wids" must not speak for "wids".
func (c *claims) UnmarshalJSON(data []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for name, into := range map[string]any{
		"tid": &c.TenantID, "oid": &c.ObjectID, "nonce": &c.Nonce, "name": &c.Name, "wids": &c.Roles, "acct": &c.Account,
	} {
		raw, given := all[name]
		if !given {
			continue
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return fmt.Errorf("the claim %q has another type", name)
		}
	}
	return nil
}

// verify checks an id token that came from the token endpoint of tenant: signature by a key that may sign for its
// issuer, the issuer of the tenant it names, our audience, our nonce, and its time.
func (v *idTokens) verify(ctx context.Context, tenant, clientID, nonce, raw string) (claims, error) {
	issuer, keys, err := v.discover(ctx, tenant)
	if err != nil {
		return claims{}, err
	}
	unverified, err := payload(raw)
	if err != nil {
		return claims{}, err
	}
	if !consent.IsTenantID(unverified.TenantID) {
		return claims{}, as(IdentityRejected, "the id token names no tenant")
	}
	// For "organizations" the document holds a placeholder. The tenant that fills it comes from the same token, so
	// that a token can only ever speak for the tenant whose issuer it names.
	issuer = strings.ReplaceAll(issuer, "{tenantid}", unverified.TenantID)
	if !strings.Contains(strings.ToLower(issuer), "/"+strings.ToLower(unverified.TenantID)+"/") {
		return claims{}, as(IdentityRejected, "the id token names a tenant that its issuer does not speak for")
	}
	signers := &keysOf{issuer: issuer, keys: keys}
	verifier := oidc.NewVerifier(issuer, signers, &oidc.Config{
		ClientID:             clientID,
		SupportedSigningAlgs: []string{oidc.RS256},
		Now:                  v.now,
	})
	token, err := verifier.Verify(ctx, raw)
	switch {
	case signers.unread != nil:
		return claims{}, signers.unread
	case err != nil:
		return claims{}, &Error{Kind: IdentityRejected, err: err}
	case len(token.Audience) != 1:
		return claims{}, as(IdentityRejected, "the id token is for %d audiences", len(token.Audience))
	}
	var verified claims
	if err := token.Claims(&verified); err != nil {
		return claims{}, &Error{Kind: IdentityRejected, err: err}
	}
	if nonce == "" || verified.Nonce != nonce {
		return claims{}, as(IdentityRejected, "the id token answers another sign-in than this one")
	}
	return verified, nil
}

// payload reads a token before it is verified, only to learn which issuer to expect.
func payload(raw string) (claims, error) {
	parsed, err := jose.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return claims{}, as(IdentityRejected, "the id token is malformed or not signed with RS256")
	}
	var c claims
	if json.Unmarshal(parsed.UnsafePayloadWithoutVerification(), &c) != nil {
		return claims{}, as(IdentityRejected, "the id token is malformed")
	}
	return c, nil
}

// identity is what the rules of consent see of a token.
func (c claims) identity() consent.Identity {
	id := consent.Identity{TenantID: strings.ToLower(c.TenantID), ObjectID: c.ObjectID, Roles: c.Roles, Name: c.Name}
	if c.Account == nil {
		id.MembershipUnknown = true
		return id
	}
	// 0 is a member, 1 a guest; a number in the documents, and quoted by some serializers.
	id.Guest = strings.Trim(string(c.Account), `"`) != "0"
	return id
}

// discover reads the tenant's discovery document, or takes it from memory.
func (v *idTokens) discover(ctx context.Context, tenant string) (string, *issuerKeys, error) {
	v.mu.Lock()
	known := v.keys[tenant]
	v.mu.Unlock()
	if known != nil {
		return known.issuer, known, nil
	}
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := v.fetch(ctx, v.cloud.discoveryURL(tenant), &document); err != nil {
		return "", nil, err
	}
	// The document is trusted because of where it came from, so the keys must come from there too.
	if document.Issuer == "" || origin(document.JWKSURI) != origin(v.cloud.Authority) {
		return "", nil, as(Misconfigured, "the discovery document of %s names no issuer, or keys on another server", v.cloud.Authority)
	}
	known = &issuerKeys{issuer: document.Issuer, uri: document.JWKSURI, owner: v}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys == nil || len(v.keys) > 1024 {
		v.keys = make(map[string]*issuerKeys)
	}
	v.keys[tenant] = known
	return known.issuer, known, nil
}

func (v *idTokens) fetch(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return as(Misconfigured, "%s is not an address", address)
	}
	response, err := v.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, 1<<20)).Decode(into); err != nil {
		return as(Unavailable, "read %s: %w", address, err)
	}
	return nil
}

// issuerKeys are the signing keys at one address. Microsoft rolls them, so an unknown key id reads them again, but
// not more often than once a minute: a forged token must not make us a nuisance.
type issuerKeys struct {
	issuer string
	uri    string
	owner  *idTokens

	mu     sync.Mutex // guards the rest, and is held while reading
	keys   []issuerKey
	readAt time.Time
}

// issuerKey is a key and, if it says so, the only issuer it may sign for. go-oidc does not know that member of
// Microsoft's key documents.
type issuerKey struct {
	jose.JSONWebKey
	issuer string
}

func (k *issuerKey) UnmarshalJSON(data []byte) error {
	var extra struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(data, &extra); err != nil {
		return err
	}
	k.issuer = extra.Issuer
	return k.JSONWebKey.UnmarshalJSON(data)
}

const (
	keysReadAgain = time.Minute
	keysOld       = 12 * time.Hour
)

func (k *issuerKeys) find(ctx context.Context, keyID string) ([]issuerKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.owner.now()
	with := func() []issuerKey {
		return slices.DeleteFunc(slices.Clone(k.keys), func(key issuerKey) bool { return key.KeyID != keyID })
	}
	age := now.Sub(k.readAt)
	if found := with(); len(found) > 0 && age < keysOld || !k.readAt.IsZero() && age >= 0 && age < keysReadAgain {
		return found, nil
	}
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := k.owner.fetch(ctx, k.uri, &document); err != nil {
		return nil, err
	}
	k.keys = k.keys[:0:0]
	for _, raw := range document.Keys {
		var key issuerKey
		// A kind of key that we do not know is of no use to us, and no reason to do without the others.
		if json.Unmarshal(raw, &key) == nil {
			k.keys = append(k.keys, key)
		}
	}
	k.readAt = now
	return with(), nil
}

// keysOf are the keys that may sign for one issuer.
type keysOf struct {
	issuer string
	keys   *issuerKeys
	// unread is why the keys could not be read. go-oidc would make a bad signature of it.
	unread error
}

// VerifySignature implements oidc.KeySet.
func (k *keysOf) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	parsed, err := jose.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, as(IdentityRejected, "the id token is malformed or not signed with RS256")
	}
	candidates, err := k.keys.find(ctx, parsed.Signatures[0].Header.KeyID)
	if err != nil {
		k.unread = outcome(ctx, "read Microsoft's signing keys", err)
		return nil, k.unread
	}
	for _, key := range candidates {
		if key.issuer != "" && !strings.Contains(key.issuer, "{tenantid}") && key.issuer != k.issuer {
			continue
		}
		if verified, err := parsed.Verify(key.JSONWebKey); err == nil {
			return verified, nil
		}
	}
	return nil, as(IdentityRejected, "no key of %q signed the id token", k.issuer)
}
