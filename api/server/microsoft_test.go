package server

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"html"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"consentry/emulator"
	"consentry/internal/consent"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/entra"
	"consentry/internal/service"
	"consentry/test/standin"
)

// The real flow: browser, our server, internal/entra, and the emulator in the
// place of Microsoft. Nothing of the two legs is replaced.

// cellKey signs for the cell, as the composition root would have it do.
type cellKey struct{ entra.SigningKey }

func (k cellKey) CellSigner(context.Context, string) (entra.SigningKey, error) {
	return k.SigningKey, nil
}

func (cellKey) LegacySecret(context.Context, string) (entra.ClientSecret, error) {
	return entra.ClientSecret{}, errors.New("nobody reads a directory here")
}

var certified = sync.OnceValues(func() (cellKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return cellKey{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cell"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return cellKey{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	return cellKey{entra.SigningKey{CellID: "cell-eu", ClientID: cellApp, CredentialID: "crd_1", Certificate: certificate, Signer: key}}, err
})

// microsoftDoor is the door that internal/app builds.
type microsoftDoor struct {
	*entra.SignIn
	callback string
}

func (d microsoftDoor) AdminConsentURL(_ context.Context, cell domain.Cell, tenantID, state string) (string, error) {
	return d.SignIn.AdminConsentURL(tenantID, cell.ClientID, d.callback, state), nil
}

func (d microsoftDoor) SignInURL(_ context.Context, leg service.SignInLeg) (string, error) {
	return d.AuthorizeURL(entra.SignInRequest{
		Tenant: leg.TenantID, ClientID: leg.Cell.ClientID, RedirectURI: d.callback, State: leg.State, Nonce: leg.Nonce, Verifier: leg.Verifier, Prompt: leg.Prompt,
	}), nil
}

func (d microsoftDoor) Redeem(ctx context.Context, leg service.RedeemLeg) (consent.Identity, error) {
	return d.SignIn.Redeem(ctx, entra.RedeemRequest{
		CellID: leg.Cell.ID, Tenant: leg.TenantID, ClientID: leg.Cell.ClientID, Code: leg.Code, Verifier: leg.Verifier, Nonce: leg.Nonce, RedirectURI: d.callback,
	})
}

const (
	upnGlobal = "ana@contoso.test"
	upnCloud  = "ben@contoso.test"
	upnPlain  = "cem@contoso.test"
	upnGuest  = "dua@contoso.test"
	upnOther  = "eli@fabric.test"
)

// newMicrosoft gives a world whose browsers meet the emulator.
func newMicrosoft(t *testing.T) *world {
	t.Helper()
	key, err := certified()
	require.NoError(t, err)
	w := emptyWorld(t, time.Now())
	e, err := emulator.New(emulator.Config{Now: w.clock.Now})
	require.NoError(t, err)
	require.NoError(t, e.Start())
	t.Cleanup(func() { require.NoError(t, e.Close(context.WithoutCancel(t.Context()))) })
	cloud := entra.Cloud{Name: "emulator", Authority: e.HTTPSURL(), BrowserAuthority: e.HTTPURL(), GraphURL: e.HTTPSURL() + "/v1.0", HTTP: e.HTTPClient()}
	door := &microsoftDoor{SignIn: entra.NewSignIn(cloud, key, w.clock.Now)}
	w.mount(echo.New(), door)
	door.callback = w.URL + "/consent/callback"
	standin.Customers(w.t, w.service, w.clock.Now())

	const vendor = "99999999-9999-4999-8999-999999999999"
	for id, name := range map[string]string{vendor: "vendor", contoso: "contoso", fabric: "fabric"} {
		require.NoError(t, e.AddTenant(emulator.Tenant{ID: id, DisplayName: name, Domain: name + ".test"}))
	}
	for i, p := range []emulator.Person{
		{TenantID: contoso, UPN: upnGlobal, Roles: []string{emulator.RoleGlobalAdministrator}},
		{TenantID: contoso, UPN: upnCloud, Roles: []string{emulator.RoleCloudApplicationAdministrator}},
		{TenantID: contoso, UPN: upnPlain},
		{TenantID: contoso, UPN: upnGuest, Roles: []string{emulator.RoleGlobalAdministrator}, Guest: true},
		{TenantID: fabric, UPN: upnOther, Roles: []string{emulator.RoleGlobalAdministrator}},
	} {
		p.ObjectID, p.Name = "aaaaaaaa-0000-4000-8000-00000000000"+string(rune('a'+i)), p.UPN
		require.NoError(t, e.AddPerson(p))
	}
	require.NoError(t, e.AddApplication(emulator.Application{
		AppID: cellApp, TenantID: vendor, DisplayName: "Directory connector", MultiTenant: true, RedirectURIs: []string{door.callback},
		RequiredRoles:   []string{"df021288-bdef-4463-88db-98f22de89214", "98830695-27a2-44f7-8c18-0c3ebc9698f6"},
		DelegatedScopes: []string{"openid", "profile"}, GroupMembershipClaims: "DirectoryRole", OptionalClaims: []string{"acct"},
		Certificates: [][]byte{key.Certificate.Raw}, ServicePrincipal: true,
	}))
	return w
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)

// walk follows redirects and answers Microsoft's pages as upn, until the browser
// is back at a page of ours, a page offers nothing to go on with, or it is to be
// sent to an address that until names. It gives the last answer.
func (b *browser) walk(address, upn, answerToConsent, until string) answer {
	b.w.t.Helper()
	request := func(method, at string, form url.Values) answer {
		address = at
		if strings.HasPrefix(at, "/") {
			address = b.w.URL + at
		}
		r, err := http.NewRequestWithContext(b.w.t.Context(), method, address, strings.NewReader(form.Encode()))
		require.NoError(b.w.t, err)
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		response, err := b.client.Do(r)
		require.NoError(b.w.t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(b.w.t, err)
		return answer{t: b.w.t, status: response.StatusCode, header: response.Header, body: string(text)}
	}
	got := request(http.MethodGet, address, nil)
	for range 12 {
		location := got.header.Get("Location")
		switch {
		case strings.HasPrefix(location, "/migrations/"), until != "" && strings.Contains(location, until):
			return got
		case location != "":
			got = request(http.MethodGet, location, nil)
			continue
		case strings.HasPrefix(address, b.w.URL):
			return got
		}
		form := url.Values{}
		for _, field := range hiddenField.FindAllStringSubmatch(got.body, -1) {
			form.Set(field[1], html.UnescapeString(field[2]))
		}
		switch {
		case form.Has("account") && strings.Contains(got.body, `value="accept"`):
			form.Set("consent", answerToConsent)
		case !form.Has("account") && strings.Contains(got.body, `value="`+upn+`"`):
			form.Set("login", upn)
		default:
			return got // Microsoft tells why not, and leads nowhere
		}
		where, _, _ := strings.Cut(address, "?")
		got = request(http.MethodPost, where, form)
	}
	require.Fail(b.w.t, "the browser goes round in circles", address)
	return got
}

func TestMicrosoftAConsentIsBoundToItsAdministrator(t *testing.T) {
	w := newMicrosoft(t)
	m := w.migration("contoso")
	session, path := w.as("mia-migrator").begin(m.ID)
	done := w.browser().walk(path, upnGlobal, "accept", "")
	require.Equal(t, http.StatusOK, done.status, done.body)
	require.Contains(t, done.body, "the consent is given")
	cs := w.session(session)
	require.Equal(t, domain.ConsentVerified, cs.Outcome)
	require.Equal(t, contoso, cs.VerifiedTenant)
	require.Equal(t, "aaaaaaaa-0000-4000-8000-00000000000a", cs.VerifiedObject)
	require.Contains(t, cs.VerifiedRoles, consent.RoleGlobalAdministrator)
	require.Equal(t, domain.ConfirmingConsent, w.migration("contoso").Phase)
	require.Len(t, w.engine.Named(contract.SignalConsentGranted), 1)
}

func TestMicrosoftADeclinedConsentSaysSo(t *testing.T) {
	w := newMicrosoft(t)
	mia := w.as("mia-migrator")
	m := w.migration("contoso")
	_, path := mia.begin(m.ID)
	back := mia.walk(path, upnGlobal, "cancel", "")
	require.Equal(t, "/migrations/"+m.ID, back.header.Get("Location"))
	require.Equal(t, "declined", w.migration("contoso").ConsentCode)
}

// TestMicrosoftOnlyTheNeededRoleCounts: the administrator accepted, and then
// somebody else signs in. Consented as the tenant now is, only the sign-in keeps
// these people from binding it.
func TestMicrosoftOnlyTheNeededRoleCounts(t *testing.T) {
	for upn, code := range map[string]string{upnPlain: "role_missing", upnCloud: "role_insufficient", upnGuest: "guest_account"} {
		t.Run(code, func(t *testing.T) {
			w := newMicrosoft(t)
			session, path := w.as("mia-migrator").begin(w.migration("contoso").ID)
			b := w.browser()
			second := b.walk(path, upnGlobal, "accept", "/oauth2/v2.0/authorize").header.Get("Location")
			a := b.walk(second, upn, "accept", "")
			require.Equal(t, http.StatusForbidden, a.status, a.body)
			require.Equal(t, code, w.session(session).Code)
			require.Equal(t, domain.AwaitingConsent, w.migration("contoso").Phase)
			done := b.walk("/consent/again/"+session+"?fresh=1", upnGlobal, "accept", "")
			require.Equal(t, http.StatusOK, done.status, done.body)
			require.Equal(t, domain.ConfirmingConsent, w.migration("contoso").Phase)
		})
	}
}

// TestMicrosoftAnotherTenantIsRefusedBeforeSignIn: a consent that Microsoft
// really gave, for another tenant than the integration's.
func TestMicrosoftAnotherTenantIsRefusedBeforeSignIn(t *testing.T) {
	w := newMicrosoft(t)
	_, path := w.as("mia-migrator").begin(w.migration("contoso").ID)
	b := w.browser()
	address := strings.Replace(b.get(path).header.Get("Location"), contoso, fabric, 1) // the person edits the address
	a := b.walk(address, upnOther, "accept", "")
	require.Equal(t, http.StatusForbidden, a.status, a.body)
	require.Contains(t, a.body, contoso)
	require.Contains(t, a.body, fabric)
	require.Equal(t, "tenant_mismatch", w.migration("contoso").ConsentCode)

	// A sign-in there is no better: it is not redeemed for this tenant.
	session, path := w.as("mia-migrator").begin(w.migration("contoso").ID)
	second := b.walk(path, upnGlobal, "accept", "/oauth2/v2.0/authorize").header.Get("Location")
	a = b.walk(strings.Replace(second, contoso, fabric, 1), upnOther, "accept", "")
	require.Equal(t, http.StatusForbidden, a.status, a.body)
	require.Equal(t, domain.ConsentOpen, w.session(session).Outcome)
	require.Equal(t, domain.AwaitingConsent, w.migration("contoso").Phase)
	require.Empty(t, w.engine.Named(contract.SignalConsentGranted))
}
