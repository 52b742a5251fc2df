package directory

import "encoding/json"

var userTable = []property[User]{
	text("displayName", true, func(u *User) string { return u.DisplayName }),
	text("givenName", true, func(u *User) string { return u.GivenName }),
	text("surname", true, func(u *User) string { return u.Surname }),
	text("userPrincipalName", true, func(u *User) string { return u.UserPrincipalName }),
	text("mail", true, func(u *User) string { return u.Mail }),
	text("jobTitle", true, func(u *User) string { return u.JobTitle }),
	text("mobilePhone", true, func(u *User) string { return u.MobilePhone }),
	list("businessPhones", true, func(u *User) []string { return u.BusinessPhones }),
	text("officeLocation", true, func(u *User) string { return u.OfficeLocation }),
	text("preferredLanguage", true, func(u *User) string { return u.PreferredLanguage }),
	text("mailNickname", false, func(u *User) string { return u.MailNickname }),
	flag("accountEnabled", false, func(u *User) *bool { return &u.AccountEnabled }),
	text("userType", false, func(u *User) string { return u.UserType }),
	text("department", false, func(u *User) string { return u.Department }),
	text("companyName", false, func(u *User) string { return u.CompanyName }),
	text("employeeId", false, func(u *User) string { return u.EmployeeID }),
	text("employeeType", false, func(u *User) string { return u.EmployeeType }),
	text("usageLocation", false, func(u *User) string { return u.UsageLocation }),
	text("city", false, func(u *User) string { return u.City }),
	text("country", false, func(u *User) string { return u.Country }),
	list("proxyAddresses", false, func(u *User) []string { return u.ProxyAddresses }),
	list("otherMails", false, func(u *User) []string { return u.OtherMails }),
	text("creationType", false, func(u *User) string { return u.CreationType }),
	text("externalUserState", false, func(u *User) string { return u.ExternalUserState }),
	text("externalUserStateChangeDateTime", false, func(u *User) string { return u.ExternalUserStateChangeDateTime }),
	text("createdDateTime", false, func(u *User) string { return u.CreatedDateTime }),
	text("streetAddress", false, func(u *User) string { return u.StreetAddress }),
	text("postalCode", false, func(u *User) string { return u.PostalCode }),
	text("state", false, func(u *User) string { return u.State }),
	text("faxNumber", false, func(u *User) string { return u.FaxNumber }),
	complexValue("identities", func(u *User) json.RawMessage { return u.Identities }),
	complexValue("onPremisesExtensionAttributes", func(u *User) json.RawMessage { return u.OnPremisesExtensionAttributes }),
	flag("onPremisesSyncEnabled", false, func(u *User) *bool { return u.OnPremisesSyncEnabled }),
	text("onPremisesImmutableId", false, func(u *User) string { return u.OnPremisesImmutableID }),
	text("onPremisesSamAccountName", false, func(u *User) string { return u.OnPremisesSamAccountName }),
	text("onPremisesDomainName", false, func(u *User) string { return u.OnPremisesDomainName }),
	text("onPremisesDistinguishedName", false, func(u *User) string { return u.OnPremisesDistinguishedName }),
	text("onPremisesSecurityIdentifier", false, func(u *User) string { return u.OnPremisesSecurityIdentifier }),
	text("onPremisesUserPrincipalName", false, func(u *User) string { return u.OnPremisesUserPrincipalName }),
	text("onPremisesLastSyncDateTime", false, func(u *User) string { return u.OnPremisesLastSyncDateTime }),
	text("securityIdentifier", false, func(u *User) string { return u.SecurityIdentifier }),
	complexValue(SignInActivity, func(u *User) json.RawMessage { return u.SignInActivity }),
}

var groupTable = []property[Group]{
	text("displayName", true, func(g *Group) string { return g.DisplayName }),
	text("description", true, func(g *Group) string { return g.Description }),
	text("mail", true, func(g *Group) string { return g.Mail }),
	flag("mailEnabled", true, func(g *Group) *bool { return &g.MailEnabled }),
	text("mailNickname", true, func(g *Group) string { return g.MailNickname }),
	flag("securityEnabled", true, func(g *Group) *bool { return &g.SecurityEnabled }),
	list("groupTypes", true, func(g *Group) []string { return g.GroupTypes }),
	text("visibility", true, func(g *Group) string { return g.Visibility }),
	text("membershipRule", true, func(g *Group) string { return g.MembershipRule }),
	list("proxyAddresses", true, func(g *Group) []string { return g.ProxyAddresses }),
	text("createdDateTime", true, func(g *Group) string { return g.CreatedDateTime }),
	flag("onPremisesSyncEnabled", true, func(g *Group) *bool { return g.OnPremisesSyncEnabled }),
	text("onPremisesSamAccountName", true, func(g *Group) string { return g.OnPremisesSamAccountName }),
	text("onPremisesDomainName", true, func(g *Group) string { return g.OnPremisesDomainName }),
	text("securityIdentifier", true, func(g *Group) string { return g.SecurityIdentifier }),
	flag("isAssignableToRole", false, func(g *Group) *bool { return g.IsAssignableToRole }),
	text("uniqueName", true, func(g *Group) string { return g.UniqueName }),
}

// bare are properties Graph knows and this directory never has a value for: they may be selected and stay empty.
var bare = map[Kind][]string{
	KindUser: {"ageGroup", "consentProvidedForMinor", "deletedDateTime", "imAddresses",
		"onPremisesProvisioningErrors", "showInAddressList", "assignedLicenses", "assignedPlans", "employeeHireDate"},
	KindGroup: {"classification", "deletedDateTime", "expirationDateTime", "membershipRuleProcessingState",
		"onPremisesLastSyncDateTime", "onPremisesNetBiosName", "onPremisesSecurityIdentifier", "preferredDataLocation",
		"preferredLanguage", "renewedDateTime", "resourceProvisioningOptions", "theme"},
}

// SignInActivity is when a user last signed in, which takes a permission and a licence of its own to read.
const SignInActivity = "signInActivity"

// untracked are properties that lists show and delta queries cannot follow.
var untracked = []string{SignInActivity}

// elsewhere are properties of users that are kept outside of the directory; neither lists nor delta queries reach them.
var elsewhere = []string{"aboutMe", "birthday", "hireDate", "interests", "mailboxSettings", "mySite", "pastProjects",
	"preferredName", "responsibilities", "schools", "skills"}
