package consent_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
)

// FuzzConsentReturn: no query but one that says success plainly, once, and for the expected tenant, goes on; whatever
// else it says, nothing of it but identifiers is kept.
func FuzzConsentReturn(f *testing.F) {
	for _, query := range []string{
		"", "&", "%", "a;b", "admin_consent=True&tenant=" + contoso, "admin_consent=TRUE&tenant=" + strings.ToUpper(contoso), "admin_consent=True&tenant=" + adatum,
		"admin_consent=True&tenant=" + adatum + "&error=", "admin_consent=True&error=access_denied&tenant=" + contoso, "tenant=" + contoso + "&tenant=" + adatum + "&admin_consent=True",
		"error=consent_required&error_description=AADSTS65004%3a+x.%0d%0aTrace+ID%3a+55555555-5555-4555-8555-555555555555%0d%0aCorrelation+ID%3a+66666666-6666-4666-8666-666666666666&state=s",
		"error=%3Cscript%3E&error_description=ana%40contoso.test", "admin_consent=True&tenant=" + contoso + "%0a",
	} {
		f.Add(query)
	}
	identifiers := regexp.MustCompile(`^[a-z0-9_]{1,64} (AADSTS\d{4,9})? ?[0-9a-f-]{0,36} [0-9a-f-]{0,36}$`)
	f.Fuzz(func(t *testing.T, raw string) {
		query, _ := url.ParseQuery(raw) // as net/http does: what cannot be read is left out
		got := consent.CheckConsentReturn(contoso, query)
		switch got.Kind {
		case consent.Granted:
			require.Equal(t, contoso, got.TenantID)
			require.False(t, query.Has("error"))
			require.Len(t, query["tenant"], 1)
			require.Len(t, query["admin_consent"], 1)
			require.True(t, strings.EqualFold("true", query.Get("admin_consent")))
		case consent.Refused:
			require.NotNil(t, got.Refusal)
			require.NotEmpty(t, got.Refusal.Code)
			require.Less(t, len(got.Refusal.Sentence), 400)
		case consent.Declined, consent.ApprovalRequested, consent.Failed:
			require.True(t, query.Has("error"))
			require.NotEmpty(t, got.Failure.Help.Sentence)
			require.Regexp(t, identifiers, strings.Join([]string{got.Failure.Error, got.Failure.Code, got.Failure.TraceID, got.Failure.CorrelationID}, " "))
		default:
			require.Fail(t, "an outcome nobody knows", got.Kind)
		}
		if got.Kind != consent.Granted {
			require.Empty(t, got.TenantID)
		}
	})
}

// FuzzCallback: a callback belongs to a pending leg only if state, leg, browser and time all say so.
func FuzzCallback(f *testing.F) {
	f.Add("state", "browser", "state", "browser", "sign-in", int64(1), false)
	f.Add("state", "", "state", "", "sign-in", int64(1), false)
	f.Add("", "browser", "", "browser", "sign-in", int64(1), false)
	f.Add("state", "browser", "state", "browser", "admin-consent", int64(0), true)
	f.Fuzz(func(t *testing.T, state, browser, gotState, gotBrowser, leg string, seconds int64, used bool) {
		pending := consent.Pending{
			Leg: consent.LegSignIn, StateHash: consent.Hash(state), BrowserHash: consent.Hash(browser),
			ExpiresAt: noon.Add(time.Duration(seconds%(1<<30)) * time.Second),
		}
		if used {
			pending.UsedAt = noon
		}
		callback := consent.Callback{Leg: consent.Leg(leg), State: gotState, Browser: gotBrowser}
		refusal := consent.CheckCallback(noon, &pending, callback)
		belongs := gotState != "" && gotState == state && gotBrowser != "" && gotBrowser == browser && leg == "sign-in" && seconds%(1<<30) > 0 && !used
		require.Equal(t, belongs, refusal == nil)
		require.NotNil(t, consent.CheckCallback(noon, nil, callback))
	})
}
