package entra

import (
	"net/http"
	"slices"
	"strings"
)

// tokenKinds sorts the codes of the token service (facts 1.8, 2.14). Microsoft may change codes, so whatever is
// not listed is sorted by OAuth error and status.
var tokenKinds = map[string]Kind{
	"700016": AppMissing, "7000229": AppMissing,
	"65001": ConsentMissing, "650051": ConsentMissing, "650056": ConsentMissing,
	"7000112": AppDisabled, "1000031": AppDisabled, "70001": AppDisabled,
	"90002": TenantMissing, "90038": TenantMissing,
	"700027":  KeyUnknown,
	"7000215": SecretInvalid, "7000222": SecretExpired,
	"50196": Throttled,
	"90055": Unavailable, "90033": Unavailable, "90024": Unavailable, "90090": Unavailable, "90006": Unavailable, "50033": Unavailable,
	"54005": SignInStale, "70008": SignInStale, "501481": SignInStale, "700005": SignInStale,
	// Our assertion, address or clock.
	"700024": Misconfigured, "700023": Misconfigured, "50012": Misconfigured, "50013": Misconfigured, "50027": Misconfigured,
	"50048": Misconfigured, "70025": Misconfigured, "700211": Misconfigured, "70021": Misconfigured, "700025": Misconfigured,
	"7000218": Misconfigured, "7000216": Misconfigured, "70011": Misconfigured, "1002012": Misconfigured, "700022": Misconfigured,
	"500011": Misconfigured, "9001023": Misconfigured, "900144": Misconfigured, "900561": Misconfigured, "50011": Misconfigured,
	"50194": Misconfigured,
}

func tokenKind(status int, fields errorFields) Kind {
	if status == http.StatusTooManyRequests {
		return Throttled
	}
	if kind, known := tokenKinds[fields.aadsts]; known {
		return kind
	}
	switch fields.oauth {
	case "temporarily_unavailable", "server_error":
		return Unavailable
	case "invalid_tenant":
		return TenantMissing
	case "invalid_scope", "invalid_resource", "unsupported_grant_type":
		return Misconfigured
	case "consent_required":
		return ConsentMissing
	}
	if status >= 500 {
		return Unavailable
	}
	return Unexpected
}

// deltaCodes are the codes of a dead delta token; services spell them in different letter cases (facts 5.10).
var deltaCodes = []string{
	"syncStateNotFound", "syncStateInvalid", "resyncRequired", "resyncChangesApplyDifferences", "resyncApplyDifferences",
	"resyncChangesUploadDifferences", "Directory_ExpiredPageToken",
}

func graphKind(request *http.Request, status int, fields errorFields) Kind {
	switch {
	case status == http.StatusTooManyRequests || is(fields.graphCode, "TooManyRequests", "activityLimitReached", "Request_ThrottledTemporarily"):
		return Throttled
	case status == http.StatusGone || is(fields.graphCode, deltaCodes...) || is(fields.innerCode, deltaCodes...):
		return DeltaExpired
	case status == http.StatusBadRequest && followsDelta(request):
		// A link of ours holds nothing but what Graph put into it. Whatever is wrong with it now (facts know
		// "Badly formed token" and tokens of another app or tenant), only a new round helps.
		return DeltaExpired
	case is(fields.graphCode, "Authorization_IdentityNotFound"):
		return ConsentMissing
	case status == http.StatusUnauthorized && isKeyChange(request) && is(fields.graphCode, "Authentication_MissingOrMalformed"):
		// Despite its wording this speaks of the proof, not of the bearer token (facts 4.7).
		return ProofRejected
	case isMissingKey(request, status, fields.message):
		return KeyMissing
	case status == http.StatusForbidden:
		return ConsentMissing
	case status == http.StatusNotFound:
		return NotFound
	}
	return statusKind(status)
}

func is(code string, codes ...string) bool {
	return slices.ContainsFunc(codes, func(c string) bool { return strings.EqualFold(code, c) })
}

func followsDelta(request *http.Request) bool {
	query := strings.ToLower(request.URL.RawQuery)
	return strings.Contains(request.URL.Path, "/delta") &&
		(strings.Contains(query, "deltatoken=") || strings.Contains(query, "skiptoken="))
}

func isKeyChange(request *http.Request) bool {
	return strings.HasSuffix(request.URL.Path, "/addKey") || strings.HasSuffix(request.URL.Path, "/removeKey")
}
