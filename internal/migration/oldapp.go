package migration

// OldApp is what one request for a token with the old app's secret says about
// the app.
type OldApp string

// The verdicts. Only Gone proves a removal; Unknown proves nothing in either
// direction.
const (
	OldAppWorks   OldApp = "works" // it is there and its secret opens it
	OldAppLives   OldApp = "lives" // it is there, and does not let us in
	OldAppGone    OldApp = "gone"  // its directory does not know it
	OldAppUnknown OldApp = "unknown"
)

// CodeNoSecret stands where Microsoft's code would when nobody could be asked,
// because no secret of the old app is held.
const CodeNoSecret = "no-secret"

// oldAppCodes are the answers that say something whatever else happens. A
// missing enterprise app (7000229) leaves the registration with its secrets in
// place, so it proves no removal; a tenant that is not found (90002) may be one
// of another cloud, so it proves nothing.
var oldAppCodes = map[string]OldApp{
	"AADSTS700016":                   OldAppGone,
	"AADSTS7000215":                  OldAppLives, // the secret is another one
	"AADSTS7000222":                  OldAppLives, // the secret has expired
	"AADSTS7000112":                  OldAppLives, // switched off
	"AADSTS7000229":                  OldAppLives,
	"AADSTS53003":                    OldAppLives, // stopped by a policy about it
	"Authorization_RequestDenied":    OldAppLives, // a token was issued
	"Authorization_IdentityNotFound": OldAppLives,
}

// ReadOldApp reads a refusal by its kind and by Microsoft's code. Codes may
// change, so an unknown one proves nothing.
func ReadOldApp(kind, code string) OldApp {
	if verdict, known := oldAppCodes[code]; known {
		return verdict
	}
	switch kind {
	case "secret_invalid", "secret_expired", "app_disabled":
		return OldAppLives
	}
	return OldAppUnknown
}

var oldAppTexts = map[string]string{
	"AADSTS7000215":                  "the app registration is still there, without the client secret we hold",
	"AADSTS7000222":                  "the app registration is still there, and the client secret we hold has expired",
	"AADSTS7000112":                  "the app registration is still there, switched off",
	"AADSTS7000229":                  "the enterprise app is gone, but the app registration itself is still there",
	"AADSTS53003":                    "the app registration is still there, and a Conditional Access policy blocks it",
	"AADSTS90002":                    "Microsoft does not know the tenant, or it belongs to another cloud",
	"AADSTS90038":                    "Microsoft does not know the tenant, or it belongs to another cloud",
	"Authorization_RequestDenied":    "the app registration is still there, without the permission to read",
	"Authorization_IdentityNotFound": "the app registration is still there, without the permission to read",
	CodeNoSecret:                     "we hold no client secret of it, so nobody can be asked",
}

// OldAppText says what was found, as the end of a sentence.
func OldAppText(v OldApp, code string) string {
	if t, known := oldAppTexts[code]; known {
		return t
	}
	switch v {
	case OldAppWorks:
		return "the app registration is still there and its client secret works"
	case OldAppLives:
		return "the app registration is still there"
	case OldAppGone:
		return "the tenant does not know the app registration any more"
	case OldAppUnknown:
	}
	return "Microsoft gave no answer that proves anything"
}
