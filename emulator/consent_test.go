package emulator_test

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAdministratorsConsent(t *testing.T) {
	for _, upn := range []string{globalAdmin, roleAdmin, guestAdmin} {
		s := newStage(t)
		sent := s.consent(t, upn).sent
		require.Equal(t, "True", sent.Get("admin_consent"), upn)
		require.Equal(t, customerTenant, sent.Get("tenant"))
		require.Equal(t, "s1", sent.Get("state"))
		require.Equal(t, "https://graph.microsoft.com/.default", sent.Get("scope"))
		require.Empty(t, sent.Get("error"))
		grants := s.Grants(customerTenant)
		require.Equal(t, connectorApp, grants[0].AppID)
		require.Equal(t, []string{"User.Read.All", "GroupMember.Read.All"}, grants[0].Roles)
		require.Equal(t, []string{"openid", "profile"}, grants[0].Scopes)
	}
}

func TestConsentPageShowsAppTenantAndPermissionsInWords(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/v2.0/adminconsent", consentQuery())
	page := b.open(at)
	require.Contains(t, page.text, "Pick an account to continue to Vendor connector")
	page = b.press(at, page, "login="+globalAdmin)
	for _, text := range []string{"Vendor connector", connectorApp, "Contoso", customerTenant, "Read all users&#39; full profiles",
		"Read all group memberships", "Sign users in", globalAdmin} {
		require.Contains(t, page.text, text)
	}
	require.Len(t, s.Grants(customerTenant), 1, "looking grants nothing")
}

func TestOthersMayNotConsent(t *testing.T) {
	for _, upn := range []string{cloudAdmin, plainUser} {
		s := newStage(t)
		b := newBrowser(t)
		at := s.address("/"+customerTenant+"/v2.0/adminconsent", consentQuery())
		page := b.press(at, b.open(at), "login="+upn)
		require.Contains(t, page.text, "AADSTS90094", upn)
		require.NotContains(t, page.buttons, "consent=accept", upn)

		other := b.press(at, page, "switch=account")
		require.Contains(t, other.buttons, "login="+globalAdmin)

		sent := b.press(at, page, "consent=cancel").sent
		require.Equal(t, "access_denied", sent.Get("error"))
		require.Equal(t, "s1", sent.Get("state"))

		page.buttons = append(page.buttons, "consent=accept") // a forged button is refused all the same
		require.Contains(t, b.press(at, page, "consent=accept").text, "AADSTS90094")
		require.Len(t, s.Grants(customerTenant), 1)
	}
}

func TestDecliningConsent(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/v2.0/adminconsent", consentQuery())
	sent := b.press(at, b.press(at, b.open(at), "login="+globalAdmin), "consent=cancel").sent
	require.Equal(t, "access_denied", sent.Get("error"))
	require.Equal(t, "cancel", sent.Get("error_subcode"))
	require.Contains(t, sent.Get("error_description"), "AADSTS65004")
	require.Equal(t, "s1", sent.Get("state"))
	require.Empty(t, sent.Get("tenant"))
	require.Len(t, s.Grants(customerTenant), 1)
}

func TestConsentV1NamesNoScope(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	query := consentQuery()
	query.Del("scope")
	at := s.address("/"+customerTenant+"/adminconsent", query)
	sent := b.press(at, b.press(at, b.open(at), "login="+globalAdmin), "consent=accept").sent
	require.Equal(t, "True", sent.Get("admin_consent"))
	require.False(t, sent.Has("scope"))
}

func TestConsentAtOrganizationsTakesTheTenantOfTheAccount(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	at := s.address("/organizations/v2.0/adminconsent", consentQuery())
	page := b.open(at)
	require.NotContains(t, page.buttons, "login="+guestAdmin, "a guest signs in at home")
	sent := b.press(at, b.press(at, page, "login="+globalAdmin), "consent=accept").sent
	require.Equal(t, customerTenant, sent.Get("tenant"))
}

func TestConsentPageOfOnePersonIsNoUseToAnother(t *testing.T) {
	s := newStage(t)
	at := s.address("/"+customerTenant+"/v2.0/adminconsent", consentQuery())
	admin := newBrowser(t)
	page := admin.press(at, admin.open(at), "login="+globalAdmin)

	stranger := newBrowser(t)
	again := stranger.press(at, page, "consent=accept")
	require.Contains(t, again.buttons, "login="+globalAdmin, "without the session there is only the sign-in page")

	other := strings.Replace(at, "state=s1", "state=s2", 1)
	page.hidden.Set("request", strings.TrimPrefix(other, s.HTTPURL()+"/"+customerTenant+"/v2.0/adminconsent?"))
	changed := admin.press(at, page, "consent=accept")
	require.Empty(t, changed.sent, "an answer counts for the request it was given to")
	require.Len(t, s.Grants(customerTenant), 1)
}

func TestConsentOfTheSecondAccountOfABrowser(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/v2.0/adminconsent", consentQuery())
	first := b.press(at, b.open(at), "login="+globalAdmin)
	page := b.press(at, b.press(at, first, "switch=account"), "login="+roleAdmin)
	require.Contains(t, page.text, roleAdmin)
	require.Equal(t, "True", b.press(at, page, "consent=accept").sent.Get("admin_consent"))
}

func TestRequestsThatMustNotBeRedirected(t *testing.T) {
	s := newStage(t)
	authorize := url.Values{"client_id": {connectorApp}, "redirect_uri": {callback}, "scope": {"openid"}, "response_type": {"code"}}
	for name, c := range map[string]struct {
		path, field, value, code string
	}{
		"unknown tenant":     {"/eeeeeeee-0000-4000-8000-000000000009", "", "", "AADSTS90002"},
		"unknown app":        {"/" + customerTenant, "client_id", "eeeeeeee-0000-4000-8000-000000000009", "AADSTS700016"},
		"no app":             {"/" + customerTenant, "client_id", "", "AADSTS900144"},
		"unregistered":       {"/" + customerTenant, "redirect_uri", "https://evil.example/", "AADSTS50011"},
		"longer address":     {"/" + customerTenant, "redirect_uri", callback + "/more", "AADSTS50011"},
		"foreign tenant app": {"/" + vendorTenant, "client_id", legacyApp, "AADSTS700016"},
		"single-tenant app":  {"/organizations", "client_id", legacyApp, "AADSTS50194"},
	} {
		for endpoint, query := range map[string]url.Values{"/v2.0/adminconsent": consentQuery(), "/oauth2/v2.0/authorize": authorize} {
			changed := url.Values{}
			maps.Copy(changed, query)
			if c.field != "" {
				changed.Set(c.field, c.value)
			}
			page := newBrowser(t).open(s.address(c.path+endpoint, changed))
			require.Contains(t, page.text, c.code, name+endpoint)
			require.Empty(t, page.sent, name+endpoint)
		}
	}
}
