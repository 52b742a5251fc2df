package emulator

import "consentry/emulator/directory"

// graphRole is an app role of Microsoft Graph.
type graphRole struct{ name, words string }

// graphRoles are the app roles by id (permissions reference, facts table of well-known ids).
var graphRoles = map[string]graphRole{
	"df021288-bdef-4463-88db-98f22de89214": {"User.Read.All", "Read all users' full profiles"},
	"97235f07-e226-4f63-ace3-39588e11d3a1": {"User.ReadBasic.All", "Read all users' basic profiles"},
	"98830695-27a2-44f7-8c18-0c3ebc9698f6": {"GroupMember.Read.All", "Read all group memberships"},
	"5b567255-7703-4780-807c-7be8301ae99b": {"Group.Read.All", "Read all groups"},
	"07d67222-3a10-4d3b-9ddc-b8aa43198a00": {"Group.ReadBasic.All", "Read basic properties of all groups"},
	"8222c640-cae5-4860-8d11-b32cfad95e03": {"GroupMember.ReadBasic.All", "Read basic group memberships"},
	"658aa5d8-239f-45c4-aa12-864f4fc7e490": {"Member.Read.Hidden", "Read hidden memberships"},
	"9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30": {"Application.Read.All", "Read all applications"},
	"18a4783c-866b-4cc7-a460-3d5e5662c884": {"Application.ReadWrite.OwnedBy", "Manage apps that this app creates or owns"},
	"b0afded3-3588-46d8-8b3d-9842eff778da": {"AuditLog.Read.All", "Read all audit log data"},
	"7ab1d382-f21e-4acd-a863-ba3e13f7da61": {"Directory.Read.All", "Read directory data"},
	"498476ce-e0fe-48b0-b801-37ba7e2685c6": {"Organization.Read.All", "Read organization information"},
	"1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9": {"Application.ReadWrite.All", "Read and write all applications"},
	"741f803b-c850-494e-b5df-cde7c675a1ca": {"User.ReadWrite.All", "Read and write all users' full profiles"},
	"62a82d76-70ea-41e2-9197-370581804d09": {"Group.ReadWrite.All", "Read and write all groups"},
	"dbaae8cf-10b5-4b86-a4a1-f871c94c6695": {"GroupMember.ReadWrite.All", "Read and write all group memberships"},
	"dbb9058a-0e50-45d7-ae91-66909b5d4664": {"Domain.Read.All", "Read domains"},
	"eccc023d-eccf-4e7b-9683-8813ab36cecc": {"User.DeleteRestore.All", "Delete and restore all users"},
	"19dbc75e-c2e2-444c-a770-ec69d8559fc7": {"Directory.ReadWrite.All", "Read and write directory data"},
}

// scopeWords says in words what a delegated scope lets an app do.
var scopeWords = map[string]string{
	"openid":         "Sign users in",
	"profile":        "View users' basic profile",
	"email":          "View users' email address",
	"offline_access": "Maintain access to data you have given it access to",
	"User.Read":      "Sign in and read user profile",
}

// scopeIDs are the ids of the delegated scopes (facts, table of well-known ids).
var scopeIDs = map[string]string{
	"openid": "37f7f235-527c-4136-accd-4a02d197296e", "profile": "14dad69e-099b-42c9-810b-d002981feec1",
	"email": "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0", "offline_access": "7427e0e9-2fba-42fe-b0c0-848c9e6a8182",
	"User.Read": "e1fe6dd8-ba31-4d61-89e7-88639da4683d",
}

// Permissions that open an endpoint, least first (permissions reference, facts 4.5, 5.1 and 9.2).
var (
	readOrganization  = []string{"Organization.Read.All", "User.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readUsers         = []string{"User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readUserDelta     = []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readGroups        = []string{"Group.ReadBasic.All", "GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readMembers       = append([]string{"GroupMember.ReadBasic.All"}, readGroups...)
	readApplications  = []string{"Application.Read.All", "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	allApplications   = []string{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	writeApplications = []string{"Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", "Directory.ReadWrite.All"}
	readAssignments   = allApplications
	readDelegated     = []string{"Directory.Read.All", "Directory.ReadWrite.All"}
	readHiddenMembers = "Member.Read.Hidden"
	readDomains       = []string{"Domain.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readOwners        = []string{"GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readReports       = []string{"AuditLog.Read.All"}

	// The table opens the lists of what something is a member of to fewer permissions than the lists of members.
	readMemberOf           = []string{"GroupMember.ReadBasic.All", "Group.ReadBasic.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readTransitiveMemberOf = append([]string{"User.Read.All", "GroupMember.Read.All", "Group.Read.All"}, readMemberOf...)

	readDeleted = map[directory.Kind][]string{
		users:  {"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		groups: {"Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
	}
	writeDeleted = map[directory.Kind][]string{
		users:  {"User.DeleteRestore.All", "User.ReadWrite.All"},
		groups: {"Group.ReadWrite.All", "Directory.ReadWrite.All"},
	}
)
