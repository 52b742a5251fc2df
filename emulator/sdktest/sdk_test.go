package sdktest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	khttp "github.com/microsoft/kiota-http-go"
	graph "github.com/microsoftgraph/msgraph-sdk-go"
	"github.com/microsoftgraph/msgraph-sdk-go/applications"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

const (
	tenant    = "bbbbbbbb-0000-4000-8000-000000000002"
	appID     = "cccccccc-0000-4000-8000-000000000003"
	appObject = "cccccccc-0000-4000-8000-0000000000ff"
)

type scene struct {
	*emulator.Server
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

func certificate(t *testing.T, key *rsa.PrivateKey, serial int64) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "app"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert
}

// newScene has an app with the two roles of a directory reader, and those named.
func newScene(t *testing.T, roles ...string) *scene {
	t.Helper()
	s, err := emulator.New(emulator.Config{PageSize: 20, MemberPage: 30})
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	cert := certificate(t, key, 1)
	require.NoError(t, s.AddTenant(emulator.Tenant{ID: tenant, DisplayName: "Contoso", Domain: "contoso.example", Generate: &emulator.Generate{Seed: 5, Users: 70, Groups: 18},
		Policy: emulator.Policy{Premium: true}}))
	require.NoError(t, s.AddApplication(emulator.Application{AppID: appID, ObjectID: appObject, TenantID: tenant, DisplayName: "App", Consented: true,
		RequiredRoles: append(roles, "df021288-bdef-4463-88db-98f22de89214", "98830695-27a2-44f7-8c18-0c3ebc9698f6"), Certificates: [][]byte{cert.Raw}}))
	return &scene{Server: s, key: key, cert: cert}
}

// tokens gets the access tokens of a Graph client from MSAL.
type tokens struct {
	client confidential.Client
	hosts  *authentication.AllowedHostsValidator
}

func (p *tokens) GetAuthorizationToken(ctx context.Context, _ *url.URL, _ map[string]any) (string, error) {
	result, err := p.client.AcquireTokenByCredential(ctx, []string{"https://graph.microsoft.com/.default"})
	return result.AccessToken, err
}

func (p *tokens) GetAllowedHostsValidator() *authentication.AllowedHostsValidator { return p.hosts }

func (s *scene) tokens(t *testing.T) *tokens {
	t.Helper()
	credential, err := confidential.NewCredFromCert([]*x509.Certificate{s.cert}, s.key)
	require.NoError(t, err)
	msal, err := confidential.New(s.HTTPSURL()+"/"+tenant, appID, credential, confidential.WithHTTPClient(s.HTTPClient()), confidential.WithInstanceDiscovery(false))
	require.NoError(t, err)
	return &tokens{client: msal, hosts: &authentication.AllowedHostsValidator{}}
}

// client is the library with its middleware in a fixed order, with or without compression of request bodies.
func (s *scene) client(t *testing.T, compress bool) *graph.GraphServiceClient {
	t.Helper()
	middleware := []khttp.Middleware{khttp.NewUserAgentHandler(), khttp.NewParametersNameDecodingHandler()}
	if compress {
		middleware = append(middleware, khttp.NewCompressionHandler())
	}
	transport := khttp.NewCustomTransportWithParentTransport(s.HTTPClient().Transport, middleware...)
	adapter, err := graph.NewGraphRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		authentication.NewBaseBearerTokenAuthenticationProvider(s.tokens(t)),
		nil, nil, &http.Client{Transport: transport})
	require.NoError(t, err)
	adapter.SetBaseUrl(s.HTTPSURL() + "/v1.0")
	return graph.NewGraphServiceClient(adapter)
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func TestUsersThroughTheLibraryLoseNothing(t *testing.T) {
	s := newScene(t)
	client := s.client(t, false)
	found := map[string]models.Userable{}
	query := &users.DeltaRequestBuilderGetRequestConfiguration{QueryParameters: &users.DeltaRequestBuilderGetQueryParameters{
		Select: []string{"id", "displayName", "userPrincipalName", "mail", "accountEnabled", "userType", "proxyAddresses", "onPremisesSyncEnabled", "onPremisesImmutableId", "createdDateTime", "employeeId"}}}
	page, err := client.Users().Delta().GetAsDeltaGetResponse(t.Context(), query)
	for {
		require.NoError(t, err)
		for _, u := range page.GetValue() {
			found[text(u.GetId())] = u
		}
		if page.GetOdataNextLink() == nil {
			break
		}
		page, err = client.Users().Delta().WithUrl(*page.GetOdataNextLink()).GetAsDeltaGetResponse(t.Context(), nil)
	}
	require.NotNil(t, page.GetOdataDeltaLink())
	dump := s.Directory(tenant)
	require.Len(t, found, len(dump.Users))
	for _, want := range dump.Users {
		got := found[want.ID]
		require.NotNil(t, got)
		require.Equal(t, want.DisplayName, text(got.GetDisplayName()))
		require.Equal(t, want.UserPrincipalName, text(got.GetUserPrincipalName()))
		require.Equal(t, want.Mail, text(got.GetMail()))
		require.Equal(t, want.AccountEnabled, *got.GetAccountEnabled())
		require.Equal(t, want.UserType, text(got.GetUserType()))
		require.Equal(t, want.EmployeeID, text(got.GetEmployeeId()))
		require.Equal(t, want.OnPremisesSyncEnabled, got.GetOnPremisesSyncEnabled())
		require.Equal(t, want.OnPremisesImmutableID, text(got.GetOnPremisesImmutableId()))
		require.Equal(t, want.CreatedDateTime, got.GetCreatedDateTime().UTC().Format(time.RFC3339))
		require.ElementsMatch(t, want.ProxyAddresses, got.GetProxyAddresses())
	}

	require.NoError(t, s.DeleteUser(tenant, dump.Users[0].ID))
	page, err = client.Users().Delta().WithUrl(*page.GetOdataDeltaLink()).GetAsDeltaGetResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, page.GetValue(), 1)
	require.Equal(t, dump.Users[0].ID, text(page.GetValue()[0].GetId()))
	removed, ok := page.GetValue()[0].GetAdditionalData()["@removed"].(map[string]any)
	require.True(t, ok)
	require.Equal(t, "changed", text(removed["reason"].(*string)))
}

func TestMembershipsThroughTheLibrary(t *testing.T) {
	s := newScene(t)
	client := s.client(t, false)
	edges := map[emulator.Membership]bool{}
	query := &groups.DeltaRequestBuilderGetRequestConfiguration{QueryParameters: &groups.DeltaRequestBuilderGetQueryParameters{Select: []string{"id", "displayName", "members"}}}
	page, err := client.Groups().Delta().GetAsDeltaGetResponse(t.Context(), query)
	for {
		require.NoError(t, err)
		for _, g := range page.GetValue() {
			members, _ := g.GetAdditionalData()["members@delta"].([]any)
			for _, m := range members {
				member := m.(map[string]any)
				edges[emulator.Membership{GroupID: text(g.GetId()), MemberID: text(member["id"].(*string)),
					MemberType: strings.TrimPrefix(text(member["@odata.type"].(*string)), "#microsoft.graph.")}] = true
			}
		}
		if page.GetOdataNextLink() == nil {
			break
		}
		page, err = client.Groups().Delta().WithUrl(*page.GetOdataNextLink()).GetAsDeltaGetResponse(t.Context(), nil)
	}
	dump := s.Directory(tenant)
	require.Len(t, edges, len(dump.Memberships))
	for _, m := range dump.Memberships {
		require.True(t, edges[m], "%v", m)
	}
	organization, err := client.Organization().Get(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, tenant, text(organization.GetValue()[0].GetId()))
	members, err := client.Groups().ByGroupId(dump.Memberships[0].GroupID).Members().Get(t.Context(), nil)
	require.NoError(t, err)
	require.NotEmpty(t, members.GetValue())
}

// proof is the proof of possession that rolling a key takes.
func (s *scene) proof(t *testing.T) *string {
	t.Helper()
	sum := sha1.Sum(s.cert.Raw)
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"aud": "00000002-0000-0000-c000-000000000000", "iss": appObject,
		"nbf": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix()})
	token.Header["kid"], token.Header["x5t"] = strings.ToUpper(hex.EncodeToString(sum[:])), base64.RawURLEncoding.EncodeToString(sum[:])
	signed, err := token.SignedString(s.key)
	require.NoError(t, err)
	return &signed
}

func TestKeysAreRolledThroughTheLibrary(t *testing.T) {
	for name, compress := range map[string]bool{"plain bodies": false, "compressed bodies": true} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			client := s.client(t, compress)
			next := certificate(t, s.key, 2)
			key, kind, usage := models.NewKeyCredential(), "AsymmetricX509Cert", "Verify"
			key.SetTypeEscaped(&kind)
			key.SetUsage(&usage)
			key.SetKey(next.Raw)
			body := applications.NewItemAddKeyPostRequestBody()
			body.SetKeyCredential(key)
			body.SetPasswordCredential(nil)
			body.SetProof(s.proof(t))
			added, err := client.Applications().ByApplicationId(appObject).AddKey().Post(t.Context(), body, nil)
			require.NoError(t, err)
			require.Len(t, s.Keys(appID), 2)
			require.Equal(t, s.Keys(appID)[1].KeyID, added.GetKeyId().String())
			require.Equal(t, next.NotAfter.UTC(), added.GetEndDateTime().UTC())

			remove := applications.NewItemRemoveKeyPostRequestBody()
			old := uuid.MustParse(s.Keys(appID)[0].KeyID)
			remove.SetKeyId(&old)
			remove.SetProof(s.proof(t))
			require.NoError(t, client.Applications().ByApplicationId(appObject).RemoveKey().Post(t.Context(), remove, nil))
			require.Len(t, s.Keys(appID), 1)

			remove.SetProof(new("not a proof"))
			err = client.Applications().ByApplicationId(appObject).RemoveKey().Post(t.Context(), remove, nil)
			var refused *odataerrors.ODataError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, 401, refused.ResponseStatusCode)
			require.Equal(t, "Authentication_MissingOrMalformed", text(refused.GetErrorEscaped().GetCode()))
		})
	}
}
