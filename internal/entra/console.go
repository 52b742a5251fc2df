package entra

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"consentry/internal/consent"
)

// ConsoleConfig names the OIDC provider of the console's people. It has nothing to do with consent: any provider
// will do, and the registration is another one than any cell.
type ConsoleConfig struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	RedirectURI  string
	// BrowserAuthority replaces scheme and host of the authorization endpoint, for an emulator whose certificate
	// browsers do not trust.
	BrowserAuthority string
	// HTTP lends its transport; nil means the system's.
	HTTP *http.Client
}

// String hides the secret.
func (c ConsoleConfig) String() string { return "console sign-in at " + c.Issuer }

// GoString is String.
func (c ConsoleConfig) GoString() string { return c.String() }

// Console signs people in to our own console.
type Console struct {
	config ConsoleConfig
	now    func() time.Time
	http   *http.Client

	mu       sync.Mutex // guards provider
	provider *oidc.Provider
}

// NewConsole makes the console's sign-in. The provider is asked at the first use, so that its outage delays
// nobody's start.
func NewConsole(config ConsoleConfig, now func() time.Time) *Console {
	return &Console{config: config, now: now, http: Cloud{HTTP: config.HTTP}.client()}
}

// ConsoleIdentity is who signed in to the console. Issuer and subject together name a person; the name is for
// display and may be anything.
type ConsoleIdentity struct {
	Issuer  string
	Subject string
	Name    string
}

// ConsoleRequest begins a sign-in.
type ConsoleRequest struct {
	State    string
	Nonce    string
	Verifier string
	Prompt   string
}

// AuthorizeURL is where the browser goes to sign in.
func (c *Console) AuthorizeURL(ctx context.Context, r ConsoleRequest) (string, error) {
	ctx = traced(ctx)
	provider, err := c.discover(ctx)
	if err != nil {
		return "", outcome(ctx, "begin the console sign-in", err)
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(r.Nonce), oauth2.S256ChallengeOption(r.Verifier)}
	if r.Prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", r.Prompt))
	}
	return c.oauth(provider).AuthCodeURL(r.State, options...), nil
}

// ConsoleRedeemRequest ends a sign-in.
type ConsoleRedeemRequest struct {
	Code     string
	Nonce    string
	Verifier string
}

// Redeem exchanges the code and returns who signed in, from the verified id token.
func (c *Console) Redeem(ctx context.Context, r ConsoleRedeemRequest) (ConsoleIdentity, error) {
	const doing = "verify the console sign-in"
	ctx, cancel := context.WithTimeoutCause(traced(ctx), tokenTimeout, errSlow)
	defer cancel()
	provider, err := c.discover(ctx)
	if err != nil {
		return ConsoleIdentity{}, outcome(ctx, doing, err)
	}
	raw, err := redeem(ctx, c.http, c.oauth(provider), r.Code, oauth2.VerifierOption(r.Verifier))
	if err != nil {
		return ConsoleIdentity{}, outcome(ctx, doing, err)
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: c.config.ClientID, Now: c.now}).Verify(ctx, raw)
	if err != nil {
		if ctx.Err() != nil {
			return ConsoleIdentity{}, outcome(ctx, doing, err)
		}
		return ConsoleIdentity{}, outcome(ctx, doing, &Error{Kind: IdentityRejected, err: err})
	}
	if r.Nonce == "" || token.Nonce != r.Nonce {
		return ConsoleIdentity{}, outcome(ctx, doing, as(IdentityRejected, "the id token answers another sign-in than this one"))
	}
	var extra claims
	if err := token.Claims(&extra); err != nil {
		return ConsoleIdentity{}, outcome(ctx, doing, &Error{Kind: IdentityRejected, err: err})
	}
	identity := ConsoleIdentity{Issuer: token.Issuer, Subject: token.Subject, Name: extra.Name}
	if consent.IsTenantID(extra.TenantID) && extra.ObjectID != "" && strings.HasSuffix(token.Issuer, "/"+extra.TenantID+"/v2.0") {
		// Entra's own subject differs for each application; tenant and object id name the same person in all.
		identity.Subject = strings.ToLower(extra.TenantID + "/" + extra.ObjectID)
	}
	return identity, nil
}

func (c *Console) discover(ctx context.Context) (*oidc.Provider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.provider != nil {
		return c.provider, nil
	}
	if c.config.Issuer == "" || c.config.ClientID == "" {
		return nil, &Error{Kind: Misconfigured, err: errors.New("the console's OIDC provider has no issuer or no client id")}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, tokenTimeout, errSlow)
	defer cancel()
	// The provider keeps the client for reading keys later, not this context.
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, c.http), c.config.Issuer)
	if err != nil {
		return nil, err
	}
	c.provider = provider
	return provider, nil
}

func (c *Console) oauth(provider *oidc.Provider) *oauth2.Config {
	endpoint := provider.Endpoint()
	endpoint.AuthURL = browserAddress(endpoint.AuthURL, c.config.BrowserAuthority)
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	return &oauth2.Config{
		ClientID:     c.config.ClientID,
		ClientSecret: c.config.ClientSecret,
		RedirectURL:  c.config.RedirectURI,
		Scopes:       []string{oidc.ScopeOpenID, "profile"},
		Endpoint:     endpoint,
	}
}

func browserAddress(address, authority string) string {
	if authority == "" {
		return address
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.TrimSuffix(authority, "/") + parsed.EscapedPath()
}
