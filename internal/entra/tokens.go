package entra

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"golang.org/x/sync/singleflight"

	"consentry/internal/consent"
)

// Tokens hands out app-only tokens for Graph. It keeps one MSAL client, and so one token cache, per credential
// holder and tenant: a cached token cannot be thrown out of MSAL's cache, only together with its client (facts
// 1.9). One request per tenant is under way at a time.
type Tokens struct {
	cloud  Cloud
	source CredentialSource
	now    func() time.Time
	http   *http.Client

	flights singleflight.Group
	mu      sync.Mutex // guards clients
	clients map[clientKey]*client
}

type clientKey struct{ cell, integration, tenant string }

// client is an MSAL client with what it was made of.
type client struct {
	msal   confidential.Client
	secret [sha256.Size]byte // of the legacy secret, to notice a replaced one
	signed atomic.Pointer[string]
	usedAt time.Time
}

const (
	// tokenTimeout bounds one exchange with the token service, whoever waits for it.
	tokenTimeout = 30 * time.Second
	// Tokens live 60 to 90 minutes, so an idle client holds nothing worth keeping after that.
	idleAfter = 90 * time.Minute
	manyIdle  = 256
)

// NewTokens makes tokens for one cloud.
func NewTokens(cloud Cloud, source CredentialSource, now func() time.Time) *Tokens {
	return &Tokens{cloud: cloud, source: source, now: now, http: cloud.client(), clients: make(map[clientKey]*client)}
}

// Token is a token for access, from the cache if it lives long enough.
func (t *Tokens) Token(ctx context.Context, access Access) (string, error) {
	return t.shared(ctx, access, false)
}

// FreshToken is a token that was issued just now; it replaces the cached one. Right after a consent a token may
// be issued without the new permissions, and would be served for an hour.
func (t *Tokens) FreshToken(ctx context.Context, access Access) (string, error) {
	return t.shared(ctx, access, true)
}

// ProveKey obtains one token signed by exactly this key, which need not be active. Nothing is cached.
func (t *Tokens) ProveKey(ctx context.Context, key SigningKey, tenantID string) error {
	if !consent.IsTenantID(tenantID) {
		return as(Misconfigured, "%q is not a tenant id", tenantID)
	}
	c, err := t.newClient(tenantID, key.ClientID, t.signingWith(func(context.Context) (SigningKey, error) { return key, nil }, nil))
	if err != nil {
		return err
	}
	_, err = t.acquire(ctx, c)
	return outcome(ctx, "prove the "+key.String(), err)
}

func (t *Tokens) shared(ctx context.Context, access Access, fresh bool) (string, error) {
	if !consent.IsTenantID(access.TenantID) {
		return "", as(Misconfigured, "%q is not a tenant id", access.TenantID)
	}
	if access.CellID == "" && access.IntegrationID == "" {
		return "", as(Misconfigured, "neither a cell nor an integration is named to read tenant %s", access.TenantID)
	}
	key := clientKey{tenant: access.TenantID, cell: access.CellID}
	if access.CellID == "" {
		key.integration = access.IntegrationID
	}
	name := fmt.Sprintf("%s\x00%s\x00%s\x00%t", key.cell, key.integration, key.tenant, fresh)
	flight := t.flights.DoChan(name, func() (any, error) {
		// Others wait for the same answer, so the first caller's cancellation must not take it from them.
		shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
		defer cancel()
		return t.obtain(shared, key, fresh)
	})
	select {
	case <-ctx.Done():
		return "", fmt.Errorf("wait for a token of tenant %s: %w", access.TenantID, context.Cause(ctx))
	case result := <-flight:
		if result.Err != nil {
			return "", result.Err
		}
		return result.Val.(string), nil
	}
}

func (t *Tokens) obtain(ctx context.Context, key clientKey, fresh bool) (string, error) {
	c, err := t.client(ctx, key, fresh)
	if err != nil {
		return "", err
	}
	token, err := t.acquire(ctx, c)
	if KindOf(err) == KeyUnknown && key.cell != "" && t.rotatedSince(ctx, key.cell, c) {
		// The key was exchanged between signing and checking; the new one signs the second try.
		token, err = t.acquire(ctx, c)
	}
	if err != nil {
		return "", outcome(ctx, "get a token of tenant "+key.tenant, err)
	}
	if fresh {
		t.keep(key, c)
	}
	return token, nil
}

// rotatedSince reports whether another key signs now than the one that was refused.
func (t *Tokens) rotatedSince(ctx context.Context, cellID string, c *client) bool {
	refused := c.signed.Load()
	now, err := t.source.CellSigner(ctx, cellID)
	return err == nil && refused != nil && now.CredentialID != *refused
}

func (t *Tokens) acquire(ctx context.Context, c *client) (string, error) {
	result, err := c.msal.AcquireTokenByCredential(ctx, []string{t.cloud.graphScope()})
	if err != nil {
		return "", err
	}
	if result.AccessToken == "" {
		return "", as(Unexpected, "the token service answered without a token")
	}
	return result.AccessToken, nil
}

// client is the kept client, or a new one: when fresh, when there is none, and when the legacy secret changed. A
// legacy secret is asked for every time, so that a destroyed one stops working at once, cached tokens included.
func (t *Tokens) client(ctx context.Context, key clientKey, fresh bool) (*client, error) {
	if key.cell != "" {
		if kept := t.kept(key); kept != nil && !fresh {
			return kept, nil
		}
		signing, err := t.source.CellSigner(ctx, key.cell)
		if err != nil {
			return nil, fmt.Errorf("find the signing key of cell %s: %w", key.cell, err)
		}
		c := &client{}
		current := func(ctx context.Context) (SigningKey, error) { return t.source.CellSigner(ctx, key.cell) }
		return t.finish(key, c, signing.ClientID, t.signingWith(current, c), fresh)
	}
	secret, err := t.source.LegacySecret(ctx, key.integration)
	if err != nil {
		return nil, fmt.Errorf("find the client secret of integration %s: %w", key.integration, err)
	}
	sum := sha256.Sum256([]byte(secret.ClientID + "\x00" + secret.Secret))
	if kept := t.kept(key); kept != nil && !fresh && kept.secret == sum {
		return kept, nil
	}
	credential, err := confidential.NewCredFromSecret(secret.Secret)
	if err != nil {
		return nil, &Error{Kind: SecretInvalid, err: errors.New("it is empty")}
	}
	return t.finish(key, &client{secret: sum}, secret.ClientID, credential, fresh)
}

func (t *Tokens) finish(key clientKey, c *client, clientID string, credential confidential.Credential, fresh bool) (*client, error) {
	made, err := t.newClient(key.tenant, clientID, credential)
	if err != nil {
		return nil, err
	}
	c.msal = made.msal
	if !fresh {
		t.keep(key, c)
	}
	return c, nil
}

func (t *Tokens) newClient(tenantID, clientID string, credential confidential.Credential) (*client, error) {
	msal, err := confidential.New(t.cloud.authority()+"/"+tenantID, clientID, credential,
		confidential.WithHTTPClient(t.http),
		confidential.WithInstanceDiscovery(t.cloud.isMicrosoft()),
		// An environment variable could otherwise send assertions to a regional endpoint of its choice.
		confidential.WithAzureRegion("DisableMsalForceRegion"))
	if err != nil {
		return nil, as(Misconfigured, "prepare a client of the token service: %w", err)
	}
	return &client{msal: msal}, nil
}

// signingWith makes MSAL ask for the key at every assertion, and remembers which one signed.
func (t *Tokens) signingWith(current func(context.Context) (SigningKey, error), c *client) confidential.Credential {
	return confidential.NewCredFromAssertionCallback(
		func(ctx context.Context, options confidential.AssertionRequestOptions) (string, error) {
			key, err := current(ctx)
			if err != nil {
				return "", err
			}
			if c != nil {
				c.signed.Store(&key.CredentialID)
			}
			return key.assertion(options.TokenEndpoint, t.now())
		})
}

func (t *Tokens) kept(key clientKey) *client {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.clients[key]
	if c != nil {
		c.usedAt = t.now()
	}
	return c
}

func (t *Tokens) keep(key clientKey, c *client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.usedAt = t.now()
	t.clients[key] = c
	if len(t.clients) < manyIdle {
		return
	}
	for other, kept := range t.clients {
		if c.usedAt.Sub(kept.usedAt) > idleAfter {
			delete(t.clients, other)
		}
	}
}
