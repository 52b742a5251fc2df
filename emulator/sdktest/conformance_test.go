package sdktest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/microsoft/kiota-abstractions-go/serialization"
	kjson "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/stretchr/testify/require"

	"consentry/emulator"
	"consentry/emulator/directory"
)

// served asks the emulator itself, without the library.
func (s *scene) served(t *testing.T, path string) []byte {
	t.Helper()
	token, err := s.tokens(t).GetAuthorizationToken(t.Context(), nil, nil)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.HTTPSURL()+"/v1.0/"+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.HTTPClient().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	var body json.RawMessage
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&body))
	require.Equal(t, http.StatusOK, resp.StatusCode, string(body))
	return body
}

// requireNoLoss parses an answer into one of the library's models and writes the model again: every property that was
// served must come out with the value it had.
func requireNoLoss(t *testing.T, body []byte, model serialization.ParsableFactory) {
	t.Helper()
	node, err := kjson.NewJsonParseNode(body)
	require.NoError(t, err)
	parsed, err := node.GetObjectValue(model)
	require.NoError(t, err)
	writer := kjson.NewJsonSerializationWriter()
	require.NoError(t, writer.WriteObjectValue("", parsed))
	content, err := writer.GetSerializedContent()
	require.NoError(t, err)
	var before, after any
	require.NoError(t, json.Unmarshal(body, &before))
	require.NoError(t, json.Unmarshal(content, &after), string(content))
	requireWithin(t, "", before, after)
}

// requireWithin wants everything of before in after. Models do not write null, and may add their type.
func requireWithin(t *testing.T, at string, before, after any) {
	t.Helper()
	switch b := before.(type) {
	case map[string]any:
		a, ok := after.(map[string]any)
		require.True(t, ok, "%s became %v", at, after)
		for name, value := range b {
			if value == nil {
				require.Nil(t, a[name], at+"/"+name)
				continue
			}
			require.Contains(t, a, name, "%s lost a property", at)
			requireWithin(t, at+"/"+name, value, a[name])
		}
	case []any:
		a, ok := after.([]any)
		require.True(t, ok, "%s became %v", at, after)
		require.Len(t, a, len(b), at)
		for i := range b {
			requireWithin(t, at, b[i], a[i])
		}
	default:
		if was, err := time.Parse(time.RFC3339, text(stringOf(before))); err == nil {
			is, err := time.Parse(time.RFC3339, text(stringOf(after)))
			require.NoError(t, err, at)
			require.True(t, was.Equal(is), "%s: %v became %v", at, before, after)
			return
		}
		require.Equal(t, before, after, at)
	}
}

func stringOf(v any) *string {
	s, _ := v.(string)
	return &s
}

// TestModelsHoldEveryPropertyWeServe goes through all properties of all kinds of objects.
func TestModelsHoldEveryPropertyWeServe(t *testing.T) {
	s := newScene(t, "7ab1d382-f21e-4acd-a863-ba3e13f7da61", "b0afded3-3588-46d8-8b3d-9842eff778da")
	yes := true
	full := emulator.User{DisplayName: "Þóra Núñez", GivenName: "Þóra", Surname: "Núñez", UserPrincipalName: "thora_fabrikam.example#EXT#@contoso.example",
		Mail: "thora@fabrikam.example", MailNickname: "thora", AccountEnabled: true, UserType: "Guest", JobTitle: "Engineer", Department: "R&D", CompanyName: "Fabrikam",
		OfficeLocation: "Berlin 4", EmployeeID: "E1", EmployeeType: "Contractor", MobilePhone: "+49 151 1", BusinessPhones: []string{"+49 30 1", "+49 30 2"},
		PreferredLanguage: "is-IS", UsageLocation: "DE", City: "Berlin", Country: "Germany", ProxyAddresses: []string{"SMTP:thora@fabrikam.example", "smtp:t@fabrikam.example"},
		OtherMails: []string{"thora@fabrikam.example"}, CreationType: "Invitation", ExternalUserState: "Accepted", ExternalUserStateChangeDateTime: "2024-05-01T10:00:00Z",
		CreatedDateTime: "2024-04-01T10:00:00Z", StreetAddress: "Street 1", PostalCode: "10115", State: "Berlin", FaxNumber: "+49 30 3",
		Identities:                    json.RawMessage(`[{"signInType":"federated","issuer":"fabrikam.example","issuerAssignedId":"x"}]`),
		OnPremisesExtensionAttributes: json.RawMessage(`{"extensionAttribute1":"a","extensionAttribute2":null,"extensionAttribute15":"ü"}`),
		OnPremisesSyncEnabled:         &yes, OnPremisesImmutableID: "AAAA", OnPremisesSamAccountName: "thora", OnPremisesDomainName: "corp.contoso.example",
		OnPremisesDistinguishedName: "CN=Thora,DC=corp", OnPremisesSecurityIdentifier: "S-1-5-21-1-2-3-4", OnPremisesUserPrincipalName: "thora@corp.contoso.example",
		OnPremisesLastSyncDateTime: "2024-06-01T10:00:00Z", SecurityIdentifier: "S-1-12-1-1-2-3-4",
		SignInActivity: json.RawMessage(`{"lastSignInDateTime":"2024-06-01T10:00:00Z","lastSignInRequestId":"x","lastNonInteractiveSignInDateTime":null}`)}
	user, err := s.CreateUser(tenant, full)
	require.NoError(t, err)
	group, err := s.CreateGroup(tenant, emulator.Group{DisplayName: "Всё", Description: "d", Mail: "g@contoso.example", MailEnabled: true, MailNickname: "g", SecurityEnabled: true,
		GroupTypes: []string{"Unified", "DynamicMembership"}, Visibility: "HiddenMembership", MembershipRule: `user.city -eq "x"`, ProxyAddresses: []string{"SMTP:g@contoso.example"},
		CreatedDateTime: "2024-04-01T10:00:00Z", OnPremisesSyncEnabled: &yes, OnPremisesSamAccountName: "g", OnPremisesDomainName: "corp", SecurityIdentifier: "S-1-12-1-1",
		UniqueName: "g", IsAssignableToRole: &yes})
	require.NoError(t, err)

	check := func(path string, properties []string, model serialization.ParsableFactory) {
		t.Helper()
		body := s.served(t, path+"?$select="+strings.Join(properties, ","))
		var shown map[string]any
		require.NoError(t, json.Unmarshal(body, &shown))
		for _, name := range properties {
			require.NotEmpty(t, shown[name], "%s is not served", name)
		}
		requireNoLoss(t, body, model)
	}
	check("users/"+user, directory.PropertyNames(directory.KindUser), models.CreateUserFromDiscriminatorValue)
	check("groups/"+group, directory.PropertyNames(directory.KindGroup), models.CreateGroupFromDiscriminatorValue)

	others := slices.DeleteFunc(s.Directory(tenant).Users, func(u emulator.User) bool { return u.ID == user })
	other := others[0].ID
	for _, m := range []emulator.Mutation{{Op: "set-manager", ID: user, MemberID: other}, {Op: "add-owner", ID: group, MemberID: user}, {Op: "delete-user", ID: others[1].ID}} {
		require.NoError(t, s.Mutate(tenant, m))
	}
	for path, model := range map[string]serialization.ParsableFactory{
		"users/" + user + "/manager":                  models.CreateUserFromDiscriminatorValue,
		"users/" + other + "/directReports":           models.CreateDirectoryObjectCollectionResponseFromDiscriminatorValue,
		"users/" + other + "/memberOf":                models.CreateDirectoryObjectCollectionResponseFromDiscriminatorValue,
		"groups/" + group + "/owners":                 models.CreateDirectoryObjectCollectionResponseFromDiscriminatorValue,
		"directory/deletedItems/microsoft.graph.user": models.CreateUserCollectionResponseFromDiscriminatorValue,
		"organization/" + tenant:                      models.CreateOrganizationFromDiscriminatorValue,
		"domains":                                     models.CreateDomainCollectionResponseFromDiscriminatorValue,
		"organization":                                models.CreateOrganizationCollectionResponseFromDiscriminatorValue,
		"users?$select=" + strings.Join(directory.PropertyNames(directory.KindUser), ","):   models.CreateUserCollectionResponseFromDiscriminatorValue,
		"groups?$select=" + strings.Join(directory.PropertyNames(directory.KindGroup), ","): models.CreateGroupCollectionResponseFromDiscriminatorValue,
		"applications": models.CreateApplicationCollectionResponseFromDiscriminatorValue,
		"applications(appId='" + appID + "')?$select=keyCredentials,requiredResourceAccess,web": models.CreateApplicationFromDiscriminatorValue,
		"servicePrincipals": models.CreateServicePrincipalCollectionResponseFromDiscriminatorValue,
		"servicePrincipals(appId='00000003-0000-0000-c000-000000000000')": models.CreateServicePrincipalFromDiscriminatorValue,
		"servicePrincipals(appId='" + appID + "')/appRoleAssignments":     models.CreateAppRoleAssignmentCollectionResponseFromDiscriminatorValue,
		"oauth2PermissionGrants": models.CreateOAuth2PermissionGrantCollectionResponseFromDiscriminatorValue,
		"groups/" + s.Directory(tenant).Memberships[0].GroupID + "/members": models.CreateDirectoryObjectCollectionResponseFromDiscriminatorValue,
	} {
		requireNoLoss(t, s.served(t, path), model)
	}
}
