package consent

// Reason is a stable code for why a leg at Microsoft did not succeed.
type Reason string

// The reasons, each with one text and one next step.
const (
	ReasonDeclined          Reason = "declined"
	ReasonMayNotConsent     Reason = "may_not_consent"
	ReasonApprovalRequested Reason = "approval_requested"
	ReasonOtherAccount      Reason = "other_account"
	ReasonConditionalAccess Reason = "conditional_access"
	ReasonMultifactor       Reason = "multifactor"
	ReasonNotAssigned       Reason = "not_assigned"
	ReasonSpreading         Reason = "still_spreading"
	ReasonConfiguration     Reason = "our_configuration"
	ReasonDisabled          Reason = "application_disabled"
	ReasonTenantNotFound    Reason = "tenant_not_found"
	ReasonUnavailable       Reason = "microsoft_unavailable"
	ReasonTooOld            Reason = "too_old"
	ReasonUnknown           Reason = "unknown"
)

// Actor is who can do something about it.
type Actor string

// The actors.
const (
	ActorAdmin     Actor = "admin"     // the person at the browser
	ActorSecurity  Actor = "security"  // the customer's security team
	ActorUs        Actor = "us"        // the vendor
	ActorMicrosoft Actor = "microsoft" // nobody: it passes
)

// Help is what a person is told about a failed leg.
type Help struct {
	Reason   Reason
	Sentence string
	Actor    Actor
	Prompt   string // for another try of the same leg
	// Automatic means that we go on by ourselves; trying again is possible and not needed.
	Automatic bool
}

// HelpFor picks the help for Microsoft's error. Microsoft reserves the right to change its codes, so they choose
// a text and never what the flow does: an unknown one falls back to the OAuth error, and then to a general text.
// code may be given with or without its AADSTS prefix.
func HelpFor(oauthError, code string) Help {
	if len(code) > 6 && code[:6] == "AADSTS" {
		code = code[6:]
	}
	reason, known := reasonByCode[code]
	if !known {
		if reason, known = reasonByError[oauthError]; !known {
			reason = ReasonUnknown
		}
	}
	help := helps[reason]
	help.Reason = reason
	return help
}

var reasonByError = map[string]Reason{
	"access_denied":           ReasonDeclined,
	"permission_denied":       ReasonDeclined,
	"consent_required":        ReasonDeclined,
	"temporarily_unavailable": ReasonUnavailable,
	"server_error":            ReasonUnavailable,
	"invalid_tenant":          ReasonTenantNotFound,
	"invalid_grant":           ReasonTooOld,
	"login_required":          ReasonOtherAccount,
	"interaction_required":    ReasonOtherAccount,
	"invalid_client":          ReasonConfiguration,
	"invalid_scope":           ReasonConfiguration,
	"invalid_resource":        ReasonConfiguration,
	"invalid_request":         ReasonConfiguration,
	"unauthorized_client":     ReasonConfiguration,

	"unsupported_response_type": ReasonConfiguration,
}

var reasonByCode = byCode(map[Reason][]string{
	ReasonDeclined:          {"65004"},
	ReasonMayNotConsent:     {"90093", "90094"},
	ReasonApprovalRequested: {"90095"},
	ReasonOtherAccount:      {"16000", "50020", "50034", "90072", "500208"},
	ReasonConditionalAccess: {"53000", "53001", "53002", "53003", "53004", "530032", "530035"},
	ReasonMultifactor:       {"50072", "50074", "50076", "50079", "50158"},
	ReasonNotAssigned:       {"50105"},
	ReasonSpreading:         {"65001", "650051", "700016", "7000229"},
	ReasonConfiguration:     {"50011", "50194", "65005", "650052", "650053", "650054", "650056", "650057", "700027", "700054", "7000215", "7000222"},
	ReasonDisabled:          {"70001", "1000031", "7000112"},
	ReasonTenantNotFound:    {"90002", "90038"},
	ReasonUnavailable:       {"50033", "50196", "90006", "90024", "90033", "90055", "90090"},
	ReasonTooOld:            {"54005", "70008", "501481", "700005"},
})

func byCode(reasons map[Reason][]string) map[string]Reason {
	table := make(map[string]Reason)
	for reason, codes := range reasons {
		for _, code := range codes {
			table[code] = reason
		}
	}
	return table
}

var helps = map[Reason]Help{
	ReasonDeclined: {
		Sentence: "The permissions were not accepted. Nothing has changed. Only " + neededRoles + " can accept them; Cloud Application and Application Administrators cannot. If you asked your reviewers for approval, you need not come back: we look for it every few minutes, and where it was not there at first, we go on by ourselves.",
		Actor:    ActorAdmin,
	},
	ReasonMayNotConsent: {
		Sentence: "This account may not grant consent for your organization. Use an account that is " + neededRoles + ", or send such a person the link.",
		Actor:    ActorAdmin, Prompt: PromptSelectAccount,
	},
	ReasonApprovalRequested: {
		Sentence: "Your request went to the reviewers of your organization. You need not come back: we look for their approval every few minutes and go on by ourselves, as long as the old client secret or a sign-in of an administrator shows that the tenant is yours.",
		Actor:    ActorAdmin,
	},
	ReasonOtherAccount: {
		Sentence: "This account does not belong to the tenant of this integration, or Microsoft needs you to choose one. Sign in with an account of that tenant.",
		Actor:    ActorAdmin, Prompt: PromptSelectAccount,
	},
	ReasonConditionalAccess: {
		Sentence: "A Conditional Access policy of your organization stopped the sign-in. Your security team can allow this application; the identifiers below are what it needs.",
		Actor:    ActorSecurity, Prompt: PromptLogin,
	},
	ReasonMultifactor: {
		Sentence: "The second step of the sign-in was not completed. Try again.",
		Actor:    ActorAdmin, Prompt: PromptLogin,
	},
	ReasonNotAssigned: {
		Sentence: "In your tenant the application is open only to assigned people, and this account is not one of them. Assign it under Enterprise applications, or use another account.",
		Actor:    ActorAdmin, Prompt: PromptSelectAccount,
	},
	ReasonSpreading: {
		Sentence: "Consent was given, and Microsoft is still spreading it. This usually takes a minute and can take fifteen.",
		Actor:    ActorMicrosoft, Automatic: true,
	},
	ReasonConfiguration: {
		Sentence: "The configuration of our application has a fault. We have been told, and nothing in your tenant has changed.",
		Actor:    ActorUs,
	},
	ReasonDisabled: {
		Sentence: "The application is disabled in your tenant. Enable sign-in for it under Enterprise applications, Properties, then try again.",
		Actor:    ActorAdmin,
	},
	ReasonTenantNotFound: {
		Sentence: "Microsoft does not know this tenant, or it belongs to another Microsoft cloud. Check the tenant id.",
		Actor:    ActorAdmin,
	},
	ReasonUnavailable: {
		Sentence: "Microsoft is not available at the moment. Nothing has changed; we try again by ourselves.",
		Actor:    ActorMicrosoft, Automatic: true,
	},
	ReasonTooOld: {
		Sentence: "This sign-in is too old or was already used. Start again.",
		Actor:    ActorAdmin,
	},
	ReasonUnknown: {
		Sentence: "Microsoft answered with an error that we do not know. Nothing has changed; try again, and tell us the identifiers below if it happens again.",
		Actor:    ActorUs,
	},
}
