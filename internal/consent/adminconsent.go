package consent

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Outcome is what the admin consent leg said. None of it is evidence: it decides which leg comes next and which
// help is shown.
type Outcome struct {
	Kind OutcomeKind
	// TenantID is the tenant the sign-in has to be pinned to, when Kind is Granted.
	TenantID string
	// Failure is set unless Kind is Granted.
	Failure Failure
	Refusal *Refusal
}

// OutcomeKind is what to do next.
type OutcomeKind string

// The kinds of an outcome.
const (
	// Granted: go on to the sign-in leg.
	Granted OutcomeKind = "granted"
	// Declined: the person said no, or asked his reviewers; Microsoft answers both in the same words and
	// announces a later approval to nobody, so whoever waits has to look.
	Declined OutcomeKind = "declined"
	// ApprovalRequested: the request went to the tenant's reviewers.
	ApprovalRequested OutcomeKind = "approval_requested"
	// Failed: Microsoft answered with an error; Failure says who can do something.
	Failed OutcomeKind = "failed"
	// Refused: a rule of ours said no.
	Refused OutcomeKind = "refused"
)

// Failure is Microsoft's error, without its free text: that may hold names and addresses.
type Failure struct {
	Error         string // OAuth error, such as access_denied
	Code          string // such as AADSTS65004, empty if there was none
	TraceID       string
	CorrelationID string
	Help          Help
}

var (
	guid        = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	aadsts      = regexp.MustCompile(`AADSTS(\d{4,9})`)
	traceID     = regexp.MustCompile(`Trace ID:\s*([0-9a-fA-F-]{36})`)
	correlation = regexp.MustCompile(`Correlation ID:\s*([0-9a-fA-F-]{36})`)
	oauthError  = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)
)

// IsTenantID reports whether id has the form of a tenant id: a GUID, not a domain and not a word like "common".
func IsTenantID(id string) bool { return guid.MatchString(id) }

// CheckConsentReturn reads the query of the admin consent callback. expectedTenant is the tenant the leg was
// pinned to; it is empty only for a new connector, which starts at "organizations".
//
// Microsoft answers in three documented shapes and sets admin_consent=True in an error too, so success needs all
// of: no error, a tenant id, and admin_consent equal to "True" in any letter case (facts 1.3, 1.4).
func CheckConsentReturn(expectedTenant string, query url.Values) Outcome {
	for _, name := range []string{"error", "tenant", "admin_consent", "state"} {
		if len(query[name]) > 1 {
			return refused(refuse(CodeMalformed, fmt.Sprintf("The answer from Microsoft names %q twice and cannot be trusted. Nothing has changed; start again.", name)))
		}
	}
	if query.Has("error") { // an empty one is an error, too: success is its absence
		return failed(FailureOf(query))
	}
	tenant := query.Get("tenant")
	switch {
	case tenant == "":
		return refused(refuse(CodeTenantMissing, "The answer from Microsoft names no tenant. Nothing has changed; start again."))
	case !IsTenantID(tenant):
		return refused(refuse(CodeMalformed, "The answer from Microsoft names a tenant in a form that Microsoft does not use. Nothing has changed; start again."))
	case !strings.EqualFold(query.Get("admin_consent"), "true"):
		return refused(refuse(CodeConsentNotGiven, "Microsoft did not say that consent was given. Nothing has changed; start again."))
	}
	if refusal := CheckTenant(expectedTenant, tenant); refusal != nil {
		return refused(refusal)
	}
	return Outcome{Kind: Granted, TenantID: strings.ToLower(tenant)}
}

// CheckTenant compares tenant ids. An empty expected tenant accepts any.
func CheckTenant(expected, returned string) *Refusal {
	if expected == "" || strings.EqualFold(expected, returned) {
		return nil
	}
	r := refuse(CodeTenantMismatch, fmt.Sprintf(
		"This integration reads the tenant %s, and Microsoft answered for the tenant %s. Nothing has changed; use an account of the expected tenant.",
		expected, shown(returned)))
	r.Expected, r.Returned, r.Prompt = expected, shown(returned), PromptSelectAccount
	return r
}

// shown keeps text that anybody may have written from being repeated at length.
func shown(id string) string {
	if IsTenantID(id) {
		return strings.ToLower(id)
	}
	return "(not a tenant id)"
}

// FailureOf reads an error that Microsoft sent to a callback of either leg.
func FailureOf(query url.Values) Failure {
	f := Failure{Error: query.Get("error")}
	if !oauthError.MatchString(f.Error) {
		f.Error = "unknown"
	}
	description := query.Get("error_description")
	if m := aadsts.FindStringSubmatch(description); m != nil {
		f.Code = "AADSTS" + m[1]
	}
	if m := traceID.FindStringSubmatch(description); m != nil {
		f.TraceID = strings.ToLower(m[1])
	}
	if m := correlation.FindStringSubmatch(description); m != nil {
		f.CorrelationID = strings.ToLower(m[1])
	}
	f.Help = HelpFor(f.Error, f.Code)
	return f
}

func failed(f Failure) Outcome {
	kind := Failed
	switch f.Help.Reason {
	case ReasonDeclined:
		kind = Declined
	case ReasonApprovalRequested:
		kind = ApprovalRequested
	default: // somebody has to do something first
	}
	return Outcome{Kind: kind, Failure: f}
}

func refused(r *Refusal) Outcome { return Outcome{Kind: Refused, Refusal: r} }
