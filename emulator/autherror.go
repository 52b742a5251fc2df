package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// authError is a refusal of the sign-in service, known by its AADSTS number.
type authError struct {
	code     int
	status   int
	name     string // OAuth error
	subError string
	text     string
}

func (e *authError) Error() string { return fmt.Sprintf("AADSTS%d: %s", e.code, e.text) }

type authErrorKind struct {
	status int
	name   string
	format string
}

// authErrors are the refusals by number: HTTP status, OAuth error and wording (facts 1.8, 2.10, 2.14, 3.4).
var authErrors = map[int]authErrorKind{
	16000:   {400, "interaction_required", "Either multiple user identities are available for the current request or selected account is not supported for the scenario."},
	50011:   {400, "invalid_request", "The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal."},
	50020:   {400, "invalid_request", "User account '%s' does not exist in tenant '%s' and cannot access the application '%s' in that tenant."},
	50027:   {401, "invalid_client", "Invalid JWT token. %s"},
	50048:   {401, "invalid_client", "The subject must match the issuer claim in the client assertion."},
	50049:   {400, "invalid_instance", "Unknown or invalid instance."},
	50058:   {400, "login_required", "A silent sign-in request was sent but no user is signed in."},
	50059:   {400, "invalid_request", "No tenant-identifying information found in either the request or implied by any provided credentials."},
	50194:   {400, "invalid_request", "Application '%s'(%s) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant."},
	54005:   {400, "invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."},
	65001:   {400, "interaction_required", "The user or administrator has not consented to use the application with ID '%s' named '%s'. Send an interactive authorization request for this user and resource."},
	65004:   {400, "access_denied", "User declined to consent to access the app."},
	70000:   {400, "invalid_grant", "Provided grant is invalid or malformed."},
	70003:   {400, "unsupported_grant_type", "The app requested an unsupported grant type '%s'."},
	70008:   {400, "invalid_grant", "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."},
	70011:   {400, "invalid_scope", "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid."},
	70025:   {401, "invalid_client", "Client application has no configured federated identity credentials."},
	90002:   {400, "invalid_request", "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."},
	90014:   {400, "invalid_request", "The required field '%s' is missing from the credential. Ensure that you have all the necessary parameters for the login request."},
	90094:   {400, "access_denied", "An administrator of %s has set a policy that prevents you from granting %s the permissions it is requesting. Contact an administrator of %s who can grant permissions to this application on your behalf."},
	500011:  {400, "invalid_resource", "The resource principal named %s was not found in the tenant named %s. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant."},
	500112:  {400, "invalid_grant", "The reply address '%s' does not match the reply address '%s' provided when requesting Authorization code."},
	501481:  {400, "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request."},
	501491:  {400, "invalid_request", "Invalid size of Code_Challenge parameter."},
	700005:  {400, "invalid_grant", "Provided Authorization Code is intended to use against other tenant, thus rejected."},
	700016:  {400, "unauthorized_client", "Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."},
	700022:  {400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid because it contains more than one resource."},
	700023:  {401, "invalid_client", "Client assertion audience claim does not match Realm issuer. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."},
	700024:  {401, "invalid_client", "Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."},
	700025:  {401, "invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."},
	700027:  {401, "invalid_client", "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - %s, Thumbprint of key used by client: '%s', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '%s'. Review the documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to build a query request URL, such as 'https://graph.microsoft.com/beta/applications/%[3]s']."},
	700054:  {400, "unsupported_response_type", "response_type 'id_token' is not enabled for the application."},
	900144:  {400, "invalid_request", "The request body must contain the following parameter: '%s'."},
	900561:  {400, "invalid_request", "The endpoint only accepts POST requests. Received a %s request."},
	1002012: {400, "invalid_scope", "The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."},
	7000112: {401, "unauthorized_client", "Application '%s'(%s) is disabled."},
	7000215: {401, "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'."},
	7000216: {400, "invalid_request", "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."},
	7000218: {401, "invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
	7000222: {401, "invalid_client", "The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."},
	7000229: {401, "invalid_client", "The client application %s is missing service principal in the tenant %s. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119"},
	9001023: {400, "invalid_request", "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint."},
}

// aadsts makes the refusal of a number, with the values its wording asks for.
func aadsts(code int, values ...any) *authError {
	kind, known := authErrors[code]
	if !known {
		panic(fmt.Sprintf("no wording for AADSTS%d", code))
	}
	text := kind.format
	if len(values) > 0 {
		text = fmt.Sprintf(kind.format, values...)
	}
	return &authError{code: code, status: kind.status, name: kind.name, text: text}
}

// describe is the error_description: the number, the wording and what a support case needs.
func (e *authError) describe(c *call) string {
	return fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s",
		e.code, strings.TrimSuffix(e.text, "\r\n"), c.id, c.correlation, c.entry.At.Format("2006-01-02 15:04:05Z"))
}

// writeAuthError answers a program.
func writeAuthError(w http.ResponseWriter, c *call, e *authError) {
	c.entry.Code = fmt.Sprintf("AADSTS%d", e.code)
	body := map[string]any{
		"error": e.name, "error_description": e.describe(c), "error_codes": []int{e.code},
		"timestamp": c.entry.At.Format("2006-01-02 15:04:05Z"), "trace_id": c.id, "correlation_id": c.correlation,
		"error_uri": fmt.Sprintf("%s/error?code=%d", c.origin, e.code),
	}
	if e.subError != "" {
		body["suberror"] = e.subError
	}
	writeAuthJSON(w, c, e.status, body)
}

func writeAuthJSON(w http.ResponseWriter, c *call, status int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("x-ms-request-id", c.id)
	h.Set("x-ms-ests-server", "emulator")
	h.Set("client-request-id", c.correlation)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
