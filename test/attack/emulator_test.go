package attack

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/entra"
)

// The attacks below need an honest Microsoft: it is the one that would notice, and what it answers then is not ours
// to invent.

const (
	vendor     = "99999999-9999-4999-8999-999999999999"
	anaGlobal  = "ana@contoso.test"
	benCloud   = "ben@contoso.test"
	cemPlain   = "cem@contoso.test"
	eveGuest   = "eve_fabric.test#EXT#@contoso.test"
	eveAtHome  = "eve@fabric.test"
	readUsers  = "df021288-bdef-4463-88db-98f22de89214"
	readGroups = "98830695-27a2-44f7-8c18-0c3ebc9698f6"
)

func newHonestHouse(t *testing.T) (*house, *emulator.Server) {
	t.Helper()
	h := bareHouse(t, time.Now())
	e, err := emulator.New(emulator.Config{Now: h.clock.Now})
	require.NoError(t, err)
	require.NoError(t, e.Start())
	t.Cleanup(func() { require.NoError(t, e.Close(context.WithoutCancel(t.Context()))) })
	way := h.open(entra.Cloud{Name: "emulator", Authority: e.HTTPSURL(), BrowserAuthority: e.HTTPURL(), GraphURL: e.HTTPSURL() + "/v1.0", HTTP: e.HTTPClient()})
	for id, name := range map[string]string{vendor: "vendor", contoso: "contoso", fabric: "fabric"} {
		require.NoError(t, e.AddTenant(emulator.Tenant{ID: id, DisplayName: name, Domain: name + ".test"}))
	}
	for i, p := range []emulator.Person{
		{TenantID: contoso, UPN: anaGlobal, Roles: []string{emulator.RoleGlobalAdministrator}},
		{TenantID: contoso, UPN: benCloud, Roles: []string{emulator.RoleCloudApplicationAdministrator}},
		{TenantID: contoso, UPN: cemPlain},
		{TenantID: contoso, UPN: eveGuest, Roles: []string{emulator.RoleGlobalAdministrator}, Guest: true},
		{TenantID: fabric, UPN: eveAtHome, Roles: []string{emulator.RoleGlobalAdministrator}},
	} {
		p.ObjectID, p.Name = "aaaaaaaa-0000-4000-8000-00000000000"+string(rune('a'+i)), p.UPN
		require.NoError(t, e.AddPerson(p))
	}
	require.NoError(t, e.AddApplication(emulator.Application{
		AppID: cellApp, TenantID: vendor, DisplayName: "Directory connector", MultiTenant: true, RedirectURIs: []string{way.callback},
		RequiredRoles: []string{readUsers, readGroups}, DelegatedScopes: []string{"openid", "profile"},
		GroupMembershipClaims: "DirectoryRole", OptionalClaims: []string{"acct"}, Certificates: [][]byte{ours().certificate.Raw}, ServicePrincipal: true,
	}))
	// Contoso has been a customer for long: tokens of the cell work there.
	require.NoError(t, e.GrantConsent(contoso, cellApp))
	return h, e
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)

// visit answers Microsoft's pages as upn until the browser is to be sent back to us, and gives that query.
func (b *browser) visit(address, upn string) url.Values {
	b.h.t.Helper()
	send := func(method string, form url.Values) (*http.Response, string) {
		r, err := http.NewRequestWithContext(b.h.t.Context(), method, address, strings.NewReader(form.Encode()))
		require.NoError(b.h.t, err)
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		response, err := b.client.Do(r)
		require.NoError(b.h.t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(b.h.t, err)
		return response, string(text)
	}
	response, page := send(http.MethodGet, nil)
	for range 8 {
		if location := response.Header.Get("Location"); strings.HasPrefix(location, b.h.URL) {
			back, err := url.Parse(location)
			require.NoError(b.h.t, err)
			return back.Query()
		}
		form := url.Values{}
		for _, field := range hiddenField.FindAllStringSubmatch(page, -1) {
			form.Set(field[1], html.UnescapeString(field[2]))
		}
		if form.Has("account") {
			form.Set("consent", "accept")
		} else {
			form.Set("login", upn)
		}
		address, _, _ = strings.Cut(address, "?")
		response, page = send(http.MethodPost, form)
	}
	require.Fail(b.h.t, "the browser never came back", page)
	return nil
}

// reach begins a consent for the integration, says that the tenant consented, and stands at the sign-in; the
// parameter is all that the first leg needs, which is why it proves nothing.
func (h *house) reach(subject, integration, tenant string) (b *browser, session, signIn string) {
	h.t.Helper()
	b = h.browser()
	session, link := h.as(subject).begin(integration)
	back := b.consented(b.get(link).query("state"), tenant)
	require.Equal(h.t, http.StatusSeeOther, back.status, back.body)
	return b, session, back.header.Get("Location")
}

func (b *browser) back(query url.Values) answer { return b.get("/consent/callback?" + query.Encode()) }

// nothingGranted: whatever happened, no migration moved.
func (h *house) nothingGranted() {
	h.t.Helper()
	for _, integration := range []string{"contoso", "contoso-two", "fabric"} {
		require.Equal(h.t, domain.AwaitingConsent, h.migration(integration).Phase)
	}
	require.Zero(h.t, h.sessions(domain.ConsentVerified))
	require.Zero(h.t, h.grants())
}

// TestEmulatorWhoMayNotBindAConsentedTenant: the tenant is consented already, so only the person stands between an
// attacker and its directory.
func TestEmulatorWhoMayNotBindAConsentedTenant(t *testing.T) {
	h, _ := newHonestHouse(t)
	for upn, code := range map[string]string{cemPlain: consent.CodeRoleMissing, benCloud: consent.CodeRoleInsufficient, eveGuest: consent.CodeGuest} {
		t.Run(code, func(t *testing.T) {
			b, session, signIn := h.reach("mia-migrator", "contoso", contoso)
			query := b.visit(signIn, upn)
			before, seq := h.rows(), h.audited()
			got := b.back(query)
			require.Equal(t, http.StatusForbidden, got.status, got.body)
			require.Subset(t, []string{"consent_sessions/" + session, "migrations/" + h.migration("contoso").ID, "changes"}, changed(before, h.rows()))
			entries := h.audit(seq)
			require.Len(t, entries, 1)
			require.Equal(t, code, entries[0].Code)
			h.nothingGranted()
		})
	}
}

// TestEmulatorACodeOfAnotherSignInIsWorthNothing: authorization code injection. Eve redeems nothing of ana's, and
// ana's session takes no code of eve's; PKCE and nonce belong to the session that sent the browser.
func TestEmulatorACodeOfAnotherSignInIsWorthNothing(t *testing.T) {
	h, _ := newHonestHouse(t)
	first, _, firstLeg := h.reach("mia-migrator", "contoso", contoso)
	second, session, secondLeg := h.reach("ana-approver", "contoso-two", contoso)
	stolen := first.visit(firstLeg, anaGlobal)
	own := second.visit(secondLeg, cemPlain)
	own.Set("code", stolen.Get("code")) // the right tenant, the right person, the right redirect address
	seq := h.audited()
	got := second.back(own)
	require.Equal(t, http.StatusForbidden, got.status, got.body)
	require.Equal(t, "too_old", h.audit(seq)[0].Code)
	require.Equal(t, domain.ConsentOpen, h.session(session).Outcome)
	h.nothingGranted()
}

// TestEmulatorAnAdministratorOfAnotherTenantStaysOutside: eve administers her own tenant and is sent to Contoso's.
func TestEmulatorAnAdministratorOfAnotherTenantStaysOutside(t *testing.T) {
	h, _ := newHonestHouse(t)
	// Eve's own consent, with the victim's tenant in the answer: the attack that the whole design is about.
	eve := h.browser()
	_, link := h.as("fay-fabric").begin("fabric")
	before, seq := h.rows(), h.audited()
	got := eve.consented(eve.get(link).query("state"), contoso)
	require.Equal(t, http.StatusForbidden, got.status)
	require.Contains(t, got.body, contoso, "the id that eve sent is shown to eve")
	require.NotContains(t, changed(before, h.rows()), "connectors")
	last := h.audit(seq)
	require.Equal(t, consent.CodeTenantMismatch, last[len(last)-1].Code)
	require.Equal(t, contoso, last[len(last)-1].Detail["returnedTenant"])

	// Her own tenant in the answer, and then a sign-in in the victim's, where she is a guest.
	b, _, signIn := h.reach("fay-fabric", "fabric", fabric)
	address, err := url.Parse(signIn)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(address.Path, "/"+fabric+"/"))
	address.Path = strings.Replace(address.Path, fabric, contoso, 1)
	seq = h.audited()
	got = b.back(b.visit(address.String(), eveGuest))
	require.Equal(t, http.StatusForbidden, got.status, got.body)
	require.NotEmpty(t, h.audit(seq))
	h.nothingGranted()
}

// TestEmulatorTheAdministratorPassesWhereTheOthersDidNot: the same road, honestly.
func TestEmulatorTheAdministratorPassesWhereTheOthersDidNot(t *testing.T) {
	h, _ := newHonestHouse(t)
	b, session, signIn := h.reach("mia-migrator", "contoso", contoso)
	query := b.visit(signIn, anaGlobal)
	require.Equal(t, http.StatusOK, b.back(query).status)
	require.Equal(t, domain.ConsentVerified, h.session(session).Outcome)
	require.Equal(t, "aaaaaaaa-0000-4000-8000-00000000000a", h.session(session).VerifiedObject)
	require.Equal(t, http.StatusBadRequest, b.back(query).status, "an answer is good once")
	require.Equal(t, 1, h.grants())
}
