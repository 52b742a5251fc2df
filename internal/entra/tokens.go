package entra

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
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
// 1.9; docs/decisions/one-token-client-per-tenant.md has the price). One request per tenant is under way at a time.
type Tokens struct {
	cloud  Cloud
	source CredentialSource
	now    func() time.Time
	http   *http.Client

	flights singleflight.Group
	mu      sync.Mutex // guards the rest, and usedAt and renewAt of every client
	clients map[clientKey]*client
	sweptAt time.Time
}

type clientKey struct{ cell, integration, tenant string }

// client is an MSAL client with what it was made of.
type client struct {
	msal   confidential.Client
	secret [sha256.Size]byte // of the legacy secret, to notice a replaced one
	signed atomic.Pointer[string]
	usedAt time.Time
	// renewAt is when the token is replaced although it is still good.
	renewAt time.Time
}

const (
	// tokenTimeout bounds one exchange with the token service, whoever waits for it.
	tokenTimeout = 30 * time.Second
	// Tokens live 60 to 90 minutes, so an idle client holds nothing worth keeping after that.
	idleAfter  = 90 * time.Minute
	sweepEvery = time.Minute

	// Tokens that were issued together, by a worker that started or after a rotation, would end together. MSAL
	// takes a token for dead five minutes before its end; each is renewed at a moment of its own before that.
	renewLast  = 5 * time.Minute
	renewFirst = 15 * time.Minute
	// renewPatience is how long somebody waits for a new token although there is a good one.
	renewPatience = 5 * time.Second
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
	ctx = traced(ctx)
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
	token, err := t.flight(ctx, key, fresh)
	if ctx.Err() != nil {
		return "", fmt.Errorf("wait for a token of tenant %s: %w", access.TenantID, context.Cause(ctx))
	}
	return token, err
}

// flight shares one request among all who ask for the same.
func (t *Tokens) flight(ctx context.Context, key clientKey, fresh bool) (string, error) {
	name := fmt.Sprintf("%s\x00%s\x00%s\x00%t", key.cell, key.integration, key.tenant, fresh)
	answer := t.flights.DoChan(name, func() (any, error) {
		// Others wait for the same answer, so the first caller's cancellation must not take it from them.
		shared, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), tokenTimeout, errSlow)
		defer cancel()
		return t.obtain(shared, key, fresh)
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case result := <-answer:
		token, _ := result.Val.(string)
		return token, result.Err
	}
}

func (t *Tokens) obtain(ctx context.Context, key clientKey, fresh bool) (string, error) {
	ctx = traced(ctx)
	c, err := t.client(ctx, key, fresh)
	if err != nil {
		return "", err
	}
	if !fresh && t.due(c) {
		early, cancel := context.WithTimeout(ctx, renewPatience)
		token, err := t.flight(early, key, true)
		cancel()
		if err == nil {
			return token, nil
		}
		// What is kept is still good: an outage of a few minutes goes by unnoticed.
		t.postpone(c)
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
	if result.Metadata.TokenSource == confidential.TokenSourceIdentityProvider {
		lead := renewLast + rand.N(renewFirst-renewLast) //nolint:gosec // to spread, not to hide
		t.mu.Lock()
		c.renewAt = result.ExpiresOn.Add(-lead)
		t.mu.Unlock()
	}
	return result.AccessToken, nil
}

// due reports whether a kept token is to be replaced. One that never lived long enough to be renewed early is
// MSAL's to replace.
func (t *Tokens) due(c *client) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !c.renewAt.IsZero() && !t.now().Before(c.renewAt)
}

func (t *Tokens) postpone(c *client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.renewAt = t.now().Add(time.Minute)
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
		// Which token service to trust is configuration. MSAL would ask it, for each client, whether it exists.
		confidential.WithInstanceDiscovery(false),
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
	if c.usedAt.Sub(t.sweptAt) < sweepEvery {
		return
	}
	t.sweptAt = c.usedAt
	maps.DeleteFunc(t.clients, func(_ clientKey, kept *client) bool { return c.usedAt.Sub(kept.usedAt) > idleAfter })
}
