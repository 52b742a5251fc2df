package consent_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
)

const (
	contoso = "11111111-aaaa-4bbb-8ccc-000000000001"
	adatum  = "22222222-aaaa-4bbb-8ccc-000000000002"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func TestCheckCallback(t *testing.T) {
	pending := consent.Pending{
		Leg:         consent.LegAdminConsent,
		StateHash:   consent.Hash("state"),
		BrowserHash: consent.Hash("browser"),
		ExpiresAt:   noon.Add(10 * time.Minute),
	}
	good := consent.Callback{Leg: consent.LegAdminConsent, State: "state", Browser: "browser"}
	require.Nil(t, consent.CheckCallback(noon, &pending, good))

	for sentence, test := range map[string]struct {
		change func(*consent.Pending, *consent.Callback)
		code   string
	}{
		"a callback without state":                   {func(_ *consent.Pending, c *consent.Callback) { c.State = "" }, consent.CodeStateMissing},
		"a forged state":                             {func(_ *consent.Pending, c *consent.Callback) { c.State = "other" }, consent.CodeStateUnknown},
		"the hash itself, as found in a backup":      {func(p *consent.Pending, c *consent.Callback) { c.State = p.StateHash }, consent.CodeStateUnknown},
		"a state that was used":                      {func(p *consent.Pending, _ *consent.Callback) { p.UsedAt = noon }, consent.CodeStateUsed},
		"a state that expires this instant":          {func(p *consent.Pending, _ *consent.Callback) { p.ExpiresAt = noon }, consent.CodeStateExpired},
		"the state of one leg used for the other":    {func(_ *consent.Pending, c *consent.Callback) { c.Leg = consent.LegSignIn }, consent.CodeWrongLeg},
		"another browser":                            {func(_ *consent.Pending, c *consent.Callback) { c.Browser = "else" }, consent.CodeWrongBrowser},
		"no cookie":                                  {func(_ *consent.Pending, c *consent.Callback) { c.Browser = "" }, consent.CodeWrongBrowser},
		"a session that no browser was bound to yet": {func(p *consent.Pending, c *consent.Callback) { p.BrowserHash, c.Browser = "", "" }, consent.CodeWrongBrowser},
	} {
		t.Run(sentence, func(t *testing.T) {
			p, c := pending, good
			test.change(&p, &c)
			refusal := consent.CheckCallback(noon, &p, c)
			require.NotNil(t, refusal)
			require.Equal(t, test.code, refusal.Code)
			require.NotEmpty(t, refusal.Sentence)
		})
	}
	require.Equal(t, consent.CodeStateUnknown, consent.CheckCallback(noon, nil, good).Code)
}

func TestAnErrorWithoutStateEndsOnlyTheOneSessionOfThisBrowser(t *testing.T) {
	failure := url.Values{"error": {"permission_denied"}}
	require.Nil(t, consent.CheckStateless(failure, "browser", 1))
	require.NotNil(t, consent.CheckStateless(failure, "", 1))
	require.NotNil(t, consent.CheckStateless(failure, "browser", 0))
	require.NotNil(t, consent.CheckStateless(failure, "browser", 2))
	require.NotNil(t, consent.CheckStateless(url.Values{"tenant": {contoso}, "admin_consent": {"True"}}, "browser", 1))
}

func TestCheckConsentReturn(t *testing.T) {
	for sentence, test := range map[string]struct {
		query   string
		kind    consent.OutcomeKind
		refusal string
		reason  consent.Reason
		code    string
	}{
		"success at the v2 address": {
			"admin_consent=True&tenant=" + contoso + "&scope=https%3a%2f%2fgraph.microsoft.com%2f.default&state=s", consent.Granted, "", "", "",
		},
		"success in another order and letter case": {
			"tenant=" + strings.ToUpper(contoso) + "&state=s&admin_consent=true", consent.Granted, "", "", "",
		},
		"a decline that claims admin_consent=True": {
			"admin_consent=True&error=consent_required&error_description=AADSTS65004%3a+User+declined.%0d%0aTrace+ID%3a+0f8fad5b-d9cb-469f-a165-70867728950e%0d%0aCorrelation+ID%3a+7c9e6679-7425-40de-944b-e07fc1f90ae7&state=s&tenant=" + contoso,
			consent.Declined, "", consent.ReasonDeclined, "AADSTS65004",
		},
		"a decline without tenant and state": {
			"error=permission_denied&error_description=The+admin+canceled+the+request", consent.Declined, "", consent.ReasonDeclined, "",
		},
		"a cancel in the approval workflow": {
			"error=access_denied&error_subcode=cancel&state=s&error_description=AADSTS65004%3a+User+declined+to+consent+to+access+the+app.",
			consent.Declined, "", consent.ReasonDeclined, "AADSTS65004",
		},
		"a request sent to the reviewers": {
			"error=access_denied&error_description=AADSTS90095%3a+Admin+consent+is+required.&state=s", consent.ApprovalRequested, "", consent.ReasonApprovalRequested, "AADSTS90095",
		},
		"a role that may not consent": {
			"error=access_denied&error_description=AADSTS90094%3a+...&state=s", consent.Failed, "", consent.ReasonMayNotConsent, "AADSTS90094",
		},
		"an error nobody knows": {
			"error=brand_new&error_description=AADSTS99999999%3a+...&state=s", consent.Failed, "", consent.ReasonUnknown, "AADSTS99999999",
		},
		"another tenant": {
			"admin_consent=True&tenant=" + adatum + "&state=s", consent.Refused, consent.CodeTenantMismatch, "", "",
		},
		"a domain instead of a tenant id": {
			"admin_consent=True&tenant=contoso.com&state=s", consent.Refused, consent.CodeMalformed, "", "",
		},
		"no tenant": {
			"admin_consent=True&state=s", consent.Refused, consent.CodeTenantMissing, "", "",
		},
		"a tenant named twice": {
			"admin_consent=True&tenant=" + contoso + "&tenant=" + adatum + "&state=s", consent.Refused, consent.CodeMalformed, "", "",
		},
		"admin_consent=False": {
			"admin_consent=False&tenant=" + contoso + "&state=s", consent.Refused, consent.CodeConsentNotGiven, "", "",
		},
		"nothing about consent": {
			"tenant=" + contoso + "&state=s", consent.Refused, consent.CodeConsentNotGiven, "", "",
		},
		"an empty query": {"", consent.Refused, consent.CodeTenantMissing, "", ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			query, err := url.ParseQuery(test.query)
			require.NoError(t, err)
			outcome := consent.CheckConsentReturn(contoso, query)
			require.Equal(t, test.kind, outcome.Kind)
			require.Equal(t, test.reason, outcome.Failure.Help.Reason)
			require.Equal(t, test.code, outcome.Failure.Code)
			switch test.kind {
			case consent.Granted:
				require.Equal(t, contoso, outcome.TenantID)
			case consent.Refused:
				require.Equal(t, test.refusal, outcome.Refusal.Code)
				require.Empty(t, outcome.TenantID)
			case consent.Declined, consent.ApprovalRequested, consent.Failed:
				require.Nil(t, outcome.Refusal)
				require.NotEmpty(t, outcome.Failure.Help.Sentence)
				require.Empty(t, outcome.TenantID)
			}
		})
	}
}

func TestAWrongTenantIsRefusedNamingBoth(t *testing.T) {
	query := url.Values{"admin_consent": {"True"}, "tenant": {adatum}}
	refusal := consent.CheckConsentReturn(contoso, query).Refusal
	require.Contains(t, refusal.Sentence, contoso)
	require.Contains(t, refusal.Sentence, adatum)
	require.Equal(t, contoso, refusal.Expected)
	require.Equal(t, adatum, refusal.Returned)
	require.Equal(t, consent.PromptSelectAccount, refusal.Prompt)
}

func TestANewConnectorTakesTheTenantThatAnswers(t *testing.T) {
	query := url.Values{"admin_consent": {"True"}, "tenant": {adatum}}
	outcome := consent.CheckConsentReturn("", query)
	require.Equal(t, consent.Granted, outcome.Kind)
	require.Equal(t, adatum, outcome.TenantID)
}

func TestAFailureKeepsIdentifiersAndDropsFreeText(t *testing.T) {
	failure := consent.FailureOf(url.Values{
		"error": {"<script>alert(1)</script>"},
		"error_description": {"AADSTS50020: User account 'ana@contoso.com' does not exist.\r\nTrace ID: 0F8FAD5B-d9cb-469f-a165-70867728950e\r\n" +
			"Correlation ID: 7c9e6679-7425-40de-944b-e07fc1f90ae7"},
	})
	require.Equal(t, "unknown", failure.Error)
	require.Equal(t, "AADSTS50020", failure.Code)
	require.Equal(t, "0f8fad5b-d9cb-469f-a165-70867728950e", failure.TraceID)
	require.Equal(t, "7c9e6679-7425-40de-944b-e07fc1f90ae7", failure.CorrelationID)
	require.Equal(t, consent.ReasonOtherAccount, failure.Help.Reason)
}

func TestCheckIdentity(t *testing.T) {
	admin := consent.Identity{TenantID: contoso, ObjectID: "o", Roles: []string{consent.RoleGlobalAdministrator}}
	require.Nil(t, consent.CheckIdentity(contoso, admin))
	require.Nil(t, consent.CheckIdentity("", admin))
	require.Nil(t, consent.CheckIdentity(strings.ToUpper(contoso), admin))

	for sentence, test := range map[string]struct {
		change   func(*consent.Identity)
		code     string
		contains string
		prompt   string
	}{
		"an admin of another tenant": {
			func(id *consent.Identity) { id.TenantID = adatum }, consent.CodeTenantMismatch, adatum, consent.PromptSelectAccount,
		},
		"a guest, although an admin": {
			func(id *consent.Identity) { id.Guest = true }, consent.CodeGuest, "guest", consent.PromptSelectAccount,
		},
		"a token that does not say whether it is a guest": {
			func(id *consent.Identity) { id.MembershipUnknown = true }, consent.CodeMembershipUnknown, "our configuration", "",
		},
		"a plain user": {
			func(id *consent.Identity) { id.Roles = []string{"b79fbf4d-3ef9-4689-8143-76b194e85509"} },
			consent.CodeRoleMissing, "Global Administrator or Privileged Role Administrator", consent.PromptLogin,
		},
		"an admin whose role is not activated": {
			func(id *consent.Identity) { id.Roles = nil }, consent.CodeRoleMissing, "Privileged Identity Management", consent.PromptLogin,
		},
		"a Cloud Application Administrator": {
			func(id *consent.Identity) { id.Roles = []string{consent.RoleCloudApplicationAdministrator} },
			consent.CodeRoleInsufficient, "You are Cloud Application Administrator", consent.PromptLogin,
		},
		"an Application Administrator": {
			func(id *consent.Identity) { id.Roles = []string{consent.RoleApplicationAdministrator} },
			consent.CodeRoleInsufficient, "Privileged Role Administrator", consent.PromptLogin,
		},
		"a token without tenant": {
			func(id *consent.Identity) { id.TenantID = "" }, consent.CodeIdentityMissing, "work account", "",
		},
		"a token without object id": {
			func(id *consent.Identity) { id.ObjectID = "" }, consent.CodeIdentityMissing, "work account", "",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			id := admin
			test.change(&id)
			refusal := consent.CheckIdentity(contoso, id)
			require.NotNil(t, refusal)
			require.Equal(t, test.code, refusal.Code)
			require.Contains(t, refusal.Sentence, test.contains)
			require.Equal(t, test.prompt, refusal.Prompt)
		})
	}
}

func TestBothRolesMayConnectInAnyLetterCase(t *testing.T) {
	for _, role := range []string{consent.RoleGlobalAdministrator, consent.RolePrivilegedRoleAdministrator} {
		roles := []string{consent.RoleCloudApplicationAdministrator, strings.ToUpper(role)}
		require.Nil(t, consent.CheckIdentity(contoso, consent.Identity{TenantID: contoso, ObjectID: "o", Roles: roles}))
	}
}

func TestCheckOutOfBand(t *testing.T) {
	admin := consent.Identity{TenantID: contoso, ObjectID: "o", Roles: []string{consent.RolePrivilegedRoleAdministrator}}
	stranger := consent.Identity{TenantID: adatum, ObjectID: "o", Roles: []string{consent.RoleGlobalAdministrator}}
	for sentence, test := range map[string]struct {
		waiting  bool
		tenant   string
		evidence consent.TenantEvidence
		code     string
	}{
		"the old secret proves the tenant":                           {true, contoso, consent.TenantEvidence{LegacySecretWorks: true}, ""},
		"an admin who signed in for this session proves it":          {true, contoso, consent.TenantEvidence{SignedIn: &admin}, ""},
		"an admin of another tenant proves nothing":                  {true, contoso, consent.TenantEvidence{SignedIn: &stranger}, consent.CodeTenantMismatch},
		"a consented tenant alone proves nothing":                    {true, contoso, consent.TenantEvidence{}, consent.CodeTenantUnproven},
		"a consented tenant needs its own session in this migration": {false, contoso, consent.TenantEvidence{LegacySecretWorks: true}, consent.CodeNotWaiting},
		"a new connector has no tenant to look in":                   {true, "", consent.TenantEvidence{SignedIn: &admin}, consent.CodeTenantUnproven},
	} {
		t.Run(sentence, func(t *testing.T) {
			refusal := consent.CheckOutOfBand(test.waiting, test.tenant, test.evidence)
			if test.code == "" {
				require.Nil(t, refusal)
				return
			}
			require.NotNil(t, refusal)
			require.Equal(t, test.code, refusal.Code)
		})
	}
}

func TestASharedTenantNeedsAnOperator(t *testing.T) {
	require.Nil(t, consent.CheckTenantUse("a", nil, nil))
	require.Nil(t, consent.CheckTenantUse("a", []string{"a"}, nil))
	require.NotNil(t, consent.CheckTenantUse("a", []string{"b"}, nil))
	require.NotNil(t, consent.CheckTenantUse("a", []string{"a", "b"}, []string{"b"}))
	require.Nil(t, consent.CheckTenantUse("a", []string{"a", "b"}, []string{"a", "b"}))
	require.NotContains(t, consent.CheckTenantUse("a", []string{"b-secret-name"}, nil).Sentence, "b-secret-name")
}

func TestHelp(t *testing.T) {
	for _, test := range []struct {
		oauthError, code string
		want             consent.Reason
	}{
		{"access_denied", "AADSTS65004", consent.ReasonDeclined},
		{"access_denied", "", consent.ReasonDeclined},
		{"access_denied", "AADSTS90094", consent.ReasonMayNotConsent},
		{"interaction_required", "AADSTS53003", consent.ReasonConditionalAccess},
		{"interaction_required", "50076", consent.ReasonMultifactor},
		{"invalid_client", "AADSTS7000229", consent.ReasonSpreading},
		{"invalid_grant", "AADSTS54005", consent.ReasonTooOld},
		{"unauthorized_client", "AADSTS7000112", consent.ReasonDisabled},
		{"invalid_request", "AADSTS90002", consent.ReasonTenantNotFound},
		{"server_error", "", consent.ReasonUnavailable},
		{"", "", consent.ReasonUnknown},
		{"nonsense", "AADSTS", consent.ReasonUnknown},
	} {
		help := consent.HelpFor(test.oauthError, test.code)
		require.Equal(t, test.want, help.Reason, "%s %s", test.oauthError, test.code)
		require.NotEmpty(t, help.Sentence)
		require.NotEmpty(t, help.Actor)
	}
}
