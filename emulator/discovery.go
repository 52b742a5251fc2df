package emulator

import (
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// graphHost is the name by which clients ask for Graph in scopes and under which tokens name it.
const graphHost = "https://graph.microsoft.com"

const (
	graphAppID          = "00000003-0000-0000-c000-000000000000"
	directoryAppID      = "00000002-0000-0000-c000-000000000000" // Azure AD Graph, audience of key proofs
	anyOrganization     = "organizations"
	anyAccount          = "common"
	personalAccounts    = "consumers"
	personalTenantID    = "9188040d-6c67-4c5b-b112-36a304b66dad"
	tenantIDPlaceholder = "{tenantid}"
)

// place is what the first segment of a sign-in path names: a tenant, or one of the names for many.
type place struct {
	tenant *tenant // nil for a name for many
	name   string
}

func (p place) many() bool { return p.tenant == nil }

// segment is how the place stands in paths and issuers of documents.
func (p place) segment() string {
	if p.tenant != nil {
		return p.tenant.ID
	}
	return p.name
}

// placeNamed resolves the first segment of a sign-in path. The caller holds the lock.
func (w *world) placeNamed(name string) (place, *authError) {
	switch strings.ToLower(name) {
	case anyOrganization, anyAccount, personalAccounts:
		return place{name: strings.ToLower(name)}, nil
	}
	if t := w.tenant(name); t != nil {
		return place{tenant: t, name: name}, nil
	}
	return place{}, aadsts(90002, name)
}

// issuer of the tokens of a tenant, always at the programs' address, whichever one the browser used.
func (s *Server) issuer(tenantID string) string { return s.authority() + "/" + tenantID + "/v2.0" }

// login routes the sign-in service.
func (s *Server) login(w http.ResponseWriter, c *call) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(c.URL.Path, "/"), "/")
	if upn, asked := cutPrefixFold(rest, "UserRealm/"); asked {
		s.userRealm(w, c, upn)
		return
	}
	switch strings.ToLower(rest) {
	case "discovery/instance":
		s.instanceDiscovery(w, c)
	case "v2.0/.well-known/openid-configuration":
		s.discovery(w, c, name, false)
	case ".well-known/openid-configuration":
		s.discovery(w, c, name, true)
	case "discovery/v2.0/keys", "discovery/keys":
		s.publishKeys(w, c, name)
	case "oauth2/v2.0/authorize":
		s.authorize(w, c, name)
	case "v2.0/adminconsent":
		s.adminConsent(w, c, name, true)
	case reviewPath:
		s.review(w, c, name)
	case "adminconsent":
		s.adminConsent(w, c, name, false)
	case "oauth2/v2.0/token":
		s.token(w, c, name, false)
	case "oauth2/token":
		s.token(w, c, name, true)
	case "oauth2/v2.0/logout":
		s.logout(w, c)
	default:
		if name == "subscriptions" && rest == "" { // Azure Resource Manager, which azure-cli asks when it signs in
			writeAuthJSON(w, c, http.StatusOK, map[string]any{"value": []any{}})
			return
		}
		c.entry.Unknown = true
		http.NotFound(w, c.Request)
	}
}

// instanceDiscovery confirms that an authority is one of ours: the emulator's own, or a real public-cloud name when it
// is reached under that name.
func (s *Server) instanceDiscovery(w http.ResponseWriter, c *call) {
	asked, err := url.Parse(c.URL.Query().Get("authorization_endpoint"))
	aliases := []string{c.Host}
	for _, own := range []string{strings.TrimPrefix(s.authority(), "https://"), strings.TrimPrefix(s.HTTPSURL(), "https://"), strings.TrimPrefix(s.HTTPURL(), "http://")} {
		if !slices.Contains(aliases, own) {
			aliases = append(aliases, own)
		}
	}
	public := []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"}
	known := append(append([]string{}, aliases...), public...)
	if err != nil || !containsFold(known, asked.Host) {
		writeAuthError(w, c, aadsts(50049))
		return
	}
	tenantSegment, _, _ := strings.Cut(strings.TrimPrefix(asked.Path, "/"), "/")
	if c.URL.Query().Get("api-version") == "1.0" { // the older form tells of no other names
		writeAuthJSON(w, c, http.StatusOK, map[string]any{
			"tenant_discovery_endpoint": "https://" + asked.Host + "/" + tenantSegment + "/.well-known/openid-configuration"})
		return
	}
	writeAuthJSON(w, c, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + asked.Host + "/" + tenantSegment + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []any{
			map[string]any{"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net", "aliases": public},
			map[string]any{"preferred_network": c.Host, "preferred_cache": c.Host, "aliases": aliases},
		},
	})
}

func containsFold(list []string, text string) bool {
	for _, s := range list {
		if strings.EqualFold(s, text) {
			return true
		}
	}
	return false
}

// discovery describes the endpoints of a place; the older document names the older ones and the issuer of the tokens
// they issue.
func (s *Server) discovery(w http.ResponseWriter, c *call, name string, v1 bool) {
	s.mu.RLock()
	at, refused := s.world.placeNamed(name)
	s.mu.RUnlock()
	if refused != nil {
		refused.name = "invalid_tenant" // the discovery document says so; the token endpoint calls it invalid_request
		writeAuthError(w, c, refused)
		return
	}
	issued, region := at.segment(), any("EU")
	if at.many() {
		issued, region = tenantIDPlaceholder, nil
		if at.name == personalAccounts {
			issued = personalTenantID
		}
	}
	base := c.origin + "/" + at.segment()
	document := map[string]any{
		"issuer":                                s.issuer(issued),
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"end_session_endpoint":                  base + "/oauth2/v2.0/logout",
		"device_authorization_endpoint":         base + "/oauth2/v2.0/devicecode",
		"kerberos_endpoint":                     base + "/kerberos",
		"jwks_uri":                              base + "/discovery/v2.0/keys",
		"userinfo_endpoint":                     graphHost + "/oidc/userinfo",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"claims_supported": []string{"sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host",
			"aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"},
		"request_uri_parameter_supported": false,
		"http_logout_supported":           true,
		"frontchannel_logout_supported":   true,
		"tenant_region_scope":             region,
		"cloud_instance_name":             "microsoftonline.com",
		"cloud_graph_host_name":           "graph.windows.net",
		"msgraph_host":                    "graph.microsoft.com",
		"rbac_url":                        "https://pas.windows.net",
	}
	if v1 {
		document["issuer"] = "https://sts.windows.net/" + issued + "/"
		document["token_endpoint"], document["jwks_uri"] = base+"/oauth2/token", base+"/discovery/keys"
		delete(document, "device_authorization_endpoint")
	}
	writeAuthJSON(w, c, http.StatusOK, document)
}

func (s *Server) publishKeys(w http.ResponseWriter, c *call, name string) {
	s.mu.RLock()
	at, refused := s.world.placeNamed(name)
	s.mu.RUnlock()
	if refused != nil {
		writeAuthError(w, c, refused)
		return
	}
	issued := at.segment()
	if at.many() {
		issued = tenantIDPlaceholder
	}
	keys := []any{}
	for _, k := range s.keys.published(c.entry.At) {
		keys = append(keys, map[string]any{
			"kty": "RSA", "use": "sig", "kid": k.kid, "x5t": k.kid,
			"n":      base64.RawURLEncoding.EncodeToString(k.private.N.Bytes()),
			"e":      base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.private.E)).Bytes()),
			"x5c":    []string{base64.StdEncoding.EncodeToString(k.der)},
			"issuer": s.issuer(issued), "cloud_instance_name": "microsoftonline.com",
		})
	}
	writeAuthJSON(w, c, http.StatusOK, map[string]any{"keys": keys})
}
