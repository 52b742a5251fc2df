package consent

import (
	"fmt"
	"slices"
	"strings"
)

// Identity is who signed in, as the verified id token says. Nothing else may fill it.
type Identity struct {
	TenantID string
	ObjectID string
	Roles    []string // directory role templates (wids) that are active now
	Guest    bool
	// MembershipUnknown means that the token did not say whether the account is a member or a guest: our
	// registration lacks the optional claim "acct".
	MembershipUnknown bool
	// Name is for display and may be anything.
	Name string
}

// Directory role templates, the same in every tenant.
const (
	RoleGlobalAdministrator           = "62e90394-69f5-4237-9190-012177145e10"
	RolePrivilegedRoleAdministrator   = "e8611ab8-c189-46e8-94e1-60213ab1f814"
	RoleApplicationAdministrator      = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
	RoleCloudApplicationAdministrator = "158c047a-c907-4556-b7ef-446551a6b5f7"
)

// OIDC prompts for another try of the sign-in leg. Select account lets the person choose another one; login
// makes Microsoft issue a token that shows a role activated a minute ago.
const (
	PromptSelectAccount = "select_account"
	PromptLogin         = "login"
)

const neededRoles = "Global Administrator or Privileged Role Administrator"

// CheckIdentity says whether this person may bind the session to the expected tenant. An empty expected tenant
// accepts the tenant of the token; it then becomes the expected one.
func CheckIdentity(expectedTenant string, id Identity) *Refusal {
	if !IsTenantID(id.TenantID) || id.ObjectID == "" {
		return refuse(CodeIdentityMissing, "The sign-in does not say which account of which tenant it is. Nothing has changed; sign in with a work account of your organization.")
	}
	if refusal := CheckTenant(expectedTenant, id.TenantID); refusal != nil {
		return refusal
	}
	if id.MembershipUnknown {
		return refuse(CodeMembershipUnknown, "The sign-in does not say whether this account is a member of the tenant. That is a fault of our configuration, and we have been told. Nothing has changed.")
	}
	if id.Guest {
		r := refuse(CodeGuest, "This account is a guest of the tenant, and guests cannot connect its directory. Sign in with a member account.")
		r.Prompt = PromptSelectAccount
		return r
	}
	return checkRole(id.Roles)
}

func checkRole(roles []string) *Refusal {
	has := func(role string) bool {
		return slices.ContainsFunc(roles, func(r string) bool { return strings.EqualFold(r, role) })
	}
	if has(RoleGlobalAdministrator) || has(RolePrivilegedRoleAdministrator) {
		return nil
	}
	const activate = " If the role is yours through Privileged Identity Management, activate it, wait a minute and sign in again."
	for role, name := range map[string]string{
		RoleCloudApplicationAdministrator: "Cloud Application Administrator",
		RoleApplicationAdministrator:      "Application Administrator",
	} {
		if has(role) {
			r := refuse(CodeRoleInsufficient, fmt.Sprintf(
				"You are %s, and Microsoft does not let that role grant application permissions of Microsoft Graph. A %s has to do it.", name, neededRoles)+activate)
			r.Prompt = PromptLogin
			return r
		}
	}
	r := refuse(CodeRoleMissing, fmt.Sprintf("This account has none of the roles that may connect a directory. A %s has to do it.", neededRoles)+activate)
	r.Prompt = PromptLogin
	return r
}

// TenantEvidence is what proves that a tenant belongs to the account whose session waits.
type TenantEvidence struct {
	// LegacySecretWorks: the account's own client secret obtained a token in that tenant just now.
	LegacySecretWorks bool
	// SignedIn is the verified sign-in for this very session, if one happened.
	SignedIn *Identity
}

// CheckOutOfBand says whether an approval that came without a callback (a reviewer's click, a consent by custom
// role) may be taken for this session: only if a session of this migration waits for it, and only where the
// tenant is proven to be this account's.
func CheckOutOfBand(waiting bool, expectedTenant string, evidence TenantEvidence) *Refusal {
	if !waiting {
		return refuse(CodeNotWaiting, "The application is already consented in this tenant, and no attempt of this migration waits for it. Start the consent from the page of the migration.")
	}
	if !IsTenantID(expectedTenant) {
		return refuse(CodeTenantUnproven, "An approval without an answer from Microsoft cannot open a new connector. Finish the sign-in.")
	}
	if evidence.LegacySecretWorks {
		return nil
	}
	if evidence.SignedIn == nil {
		return refuse(CodeTenantUnproven, "The application is consented in this tenant, but nothing shows that the tenant is yours: the old client secret no longer works there. Sign in with an administrator of the tenant.")
	}
	return CheckIdentity(expectedTenant, *evidence.SignedIn)
}

// CheckTenantUse says whether an account may use a tenant that other accounts use too. Sharing is possible (two
// accounts of one group of companies) but needs an operator's decision that lists this account.
func CheckTenantUse(accountID string, accountsOfTenant, allowedByOperator []string) *Refusal {
	others := slices.DeleteFunc(slices.Clone(accountsOfTenant), func(id string) bool { return id == accountID })
	if len(others) == 0 || slices.Contains(allowedByOperator, accountID) {
		return nil
	}
	return refuse(CodeTenantShared, "Another account uses this tenant, too. An operator of ours has to confirm that you share it; we have been told. Nothing has changed.")
}
