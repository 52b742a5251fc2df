package emulator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// policy changes the customer's tenant.
func (s *stage) policy(t *testing.T, p emulator.Policy) {
	t.Helper()
	require.NoError(t, s.AddTenant(emulator.Tenant{ID: customerTenant, DisplayName: "Contoso", Domain: "contoso.example",
		Generate: &emulator.Generate{Seed: 1, Users: 60, Groups: 20}, Policy: p}))
}

func (s *stage) switches(t *testing.T, w emulator.Switches) {
	t.Helper()
	s.policy(t, emulator.Policy{Switches: &w})
}

func TestUserConsentOff(t *testing.T) {
	s := newStage(t)
	s.policy(t, emulator.Policy{UserConsentOff: true})
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/oauth2/v2.0/authorize", signInQuery())
	page := b.press(at, b.open(at), "login="+plainUser)
	require.Contains(t, page.text, "AADSTS90094")
	require.NotContains(t, page.buttons, "consent=request", "nobody to ask")
	page.buttons = append(page.buttons, "consent=accept", "consent=request")
	require.Contains(t, b.press(at, page, "consent=accept").text, "AADSTS90094", "a forged button is refused all the same")
	require.Contains(t, b.press(at, page, "consent=request").text, "AADSTS90094")
	require.Empty(t, s.ConsentRequests(""))
	sent := b.press(at, page, "consent=cancel").sent
	require.Equal(t, "access_denied", sent.Get("error"))
	require.Equal(t, "s2", sent.Get("state"))

	admin := newBrowser(t)
	page = admin.press(at, admin.open(at), "login="+globalAdmin)
	require.Contains(t, page.text, "Consent on behalf of your organization")
	page.hidden.Set("everybody", "yes")
	require.NotEmpty(t, admin.press(at, page, "consent=accept").sent.Get("code"))
	require.NotEmpty(t, b.open(at).sent.Get("code"), "an administrator agreed for everybody")
}

func TestConsentIsRequestedAndApprovedLater(t *testing.T) {
	s := newStage(t)
	s.policy(t, emulator.Policy{UserConsentOff: true, ConsentRequests: true, Reviewers: []string{globalAdmin, cloudAdmin}})
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/v2.0/adminconsent", consentQuery())
	page := b.press(at, b.open(at), "login="+plainUser)
	require.Contains(t, page.text, "AADSTS90095")
	require.Contains(t, page.text, "Read all group memberships")
	page.hidden.Set("reason", "so that new colleagues get their accounts")
	page = b.press(at, page, "consent=request")
	require.Contains(t, page.text, "Request sent")
	sent := b.press(at, page, "consent=cancel").sent
	require.Equal(t, "access_denied", sent.Get("error"), "back to the app, which hears of a refusal")
	require.Equal(t, "cancel", sent.Get("error_subcode"))
	require.Contains(t, sent.Get("error_description"), "AADSTS65004")
	require.Empty(t, sent.Get("tenant"))
	b.press(at, b.open(at), "consent=request")
	asked := s.ConsentRequests(customerTenant)
	require.Len(t, asked, 1, "asking again asks nothing new")
	require.Equal(t, emulator.RequestPending, asked[0].State)
	require.Equal(t, plainUser, asked[0].Person)
	require.Equal(t, "so that new colleagues get their accounts", asked[0].Reason)
	require.Equal(t, []int{7000229}, s.answers(t, s.key, 1))

	reviewer := newBrowser(t)
	link := asked[0].ReviewURL
	page = reviewer.press(link, reviewer.open(link), "login="+cloudAdmin)
	require.Contains(t, reviewer.press(link, page, "consent=approve").text, "has no role", "reviewing gives nobody a right to consent")
	page = reviewer.press(link, page, "consent=approve")
	require.Contains(t, page.text, "not answered")
	other := newBrowser(t)
	page = other.press(link, other.open(link), "login="+roleAdmin)
	require.Contains(t, other.press(link, page, "consent=approve").text, "is no reviewer")
	boss := newBrowser(t)
	page = boss.press(link, boss.open(link), "login="+globalAdmin)
	page = boss.press(link, page, "consent=approve")
	require.Contains(t, page.text, "approve")
	require.Empty(t, page.sent, "the app hears nothing of it")
	require.Equal(t, []int{0}, s.answers(t, s.key, 1))
	require.Equal(t, emulator.RequestApproved, s.ConsentRequests("")[0].State)
	require.ErrorContains(t, s.AnswerConsentRequest(asked[0].ID, globalAdmin, emulator.DenyRequest), "is approved")
}

func TestConsentRequestsAreDeniedExpireAndSurvive(t *testing.T) {
	var config emulator.Config
	s := newStage(t, func(c *emulator.Config) { c.StateDir = t.TempDir(); config = *c })
	s.policy(t, emulator.Policy{UserConsentOff: true, ConsentRequests: true, Reviewers: []string{globalAdmin}, RequestLifetime: emulator.Duration(48 * time.Hour)})
	ask := func(upn string) {
		b := newBrowser(t)
		at := s.address("/"+customerTenant+"/oauth2/v2.0/authorize", signInQuery())
		b.press(at, b.press(at, b.open(at), "login="+upn), "consent=request")
	}
	ask(plainUser)
	s.restart(t, config)
	first := s.ConsentRequests("")[0]
	status, text := s.control(t, "POST", "/consent-requests/"+first.ID, map[string]any{"do": "deny", "reviewer": globalAdmin})
	require.Equal(t, 204, status, text)
	ask(plainUser)
	require.NoError(t, s.Advance(48*time.Hour))
	status, text = s.control(t, "GET", "/consent-requests", nil)
	require.Equal(t, 200, status)
	require.Contains(t, text, plainUser)
	list := s.ConsentRequests("")
	require.Equal(t, []string{emulator.RequestDenied, emulator.RequestExpired}, []string{list[0].State, list[1].State})
	require.ErrorContains(t, s.AnswerConsentRequest(list[1].ID, globalAdmin, emulator.ApproveRequest), "expired")
	require.Error(t, s.AnswerConsentRequest("none", globalAdmin, emulator.ApproveRequest))

	s.policy(t, emulator.Policy{UserConsentOff: true, ConsentRequests: true, Reviewers: []string{globalAdmin}})
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	require.NoError(t, s.RevokeGrants(customerTenant, connectorApp))
	ask(plainUser)
	require.NoError(t, s.AnswerConsentRequest(s.ConsentRequests("")[2].ID, globalAdmin, emulator.ApproveRequest))
	for _, g := range s.Grants(customerTenant) {
		if g.AppID == connectorApp {
			require.Equal(t, []string{"openid", "profile"}, g.Scopes)
			require.Empty(t, g.Roles, "only what was asked for")
		}
	}
}

func TestDeclinedConsentInEveryShape(t *testing.T) {
	for shape, want := range map[string]map[string]string{
		emulator.DeclinedAccessDenied:     {"error": "access_denied", "error_subcode": "cancel", "state": "s1", "admin_consent": ""},
		emulator.DeclinedConsentRequired:  {"error": "consent_required", "error_subcode": "", "state": "s1", "admin_consent": "True"},
		emulator.DeclinedPermissionDenied: {"error": "permission_denied", "error_description": "The admin canceled the request", "state": "", "admin_consent": ""},
	} {
		s := newStage(t)
		s.switches(t, emulator.Switches{ConsentDeclined: shape})
		for _, endpoint := range []string{"/v2.0/adminconsent", "/adminconsent"} {
			b := newBrowser(t)
			at := s.address("/"+customerTenant+endpoint, consentQuery())
			sent := b.press(at, b.press(at, b.open(at), "login="+globalAdmin), "consent=cancel").sent
			for name, value := range want {
				require.Equal(t, value, sent.Get(name), "%s %s", shape, name)
			}
			require.Empty(t, sent.Get("tenant"), shape)
		}
	}
}
