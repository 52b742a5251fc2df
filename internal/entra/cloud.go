package entra

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Cloud is one of Microsoft's clouds, or an emulator of one. Registrations, tokens and data never cross clouds.
type Cloud struct {
	Name string
	// Authority is where programs reach the token service; BrowserAuthority is where browsers do. They differ
	// only for an emulator, whose certificate browsers do not trust. Empty means the same.
	Authority        string
	BrowserAuthority string
	// GraphURL includes the version: https://graph.microsoft.com/v1.0.
	GraphURL string
	// GraphResource is the resource that tokens are asked for. Empty means the origin of GraphURL, and for an
	// emulator the global cloud's, which it stands for.
	GraphResource string
	// HTTP lends its transport, for roots of trust and proxies; nil means the system's.
	HTTP *http.Client
}

// Global is the worldwide cloud, GCC included.
func Global() Cloud {
	return Cloud{Name: "global", Authority: "https://login.microsoftonline.com", GraphURL: "https://graph.microsoft.com/v1.0"}
}

// USGovernment is GCC High.
func USGovernment() Cloud {
	return Cloud{Name: "usgov", Authority: "https://login.microsoftonline.us", GraphURL: "https://graph.microsoft.us/v1.0"}
}

// USGovernmentDoD is the Department of Defense cloud.
func USGovernmentDoD() Cloud {
	return Cloud{Name: "usgov-dod", Authority: "https://login.microsoftonline.us", GraphURL: "https://dod-graph.microsoft.us/v1.0"}
}

// China is the cloud operated by 21Vianet.
func China() Cloud {
	return Cloud{Name: "china", Authority: "https://login.partner.microsoftonline.cn", GraphURL: "https://microsoftgraph.chinacloudapi.cn/v1.0"}
}

// Validate reports everything that is wrong with the cloud's addresses at once.
func (c Cloud) Validate() error {
	var problems []error
	check := func(name, address string, schemes ...string) {
		parsed, err := url.Parse(address)
		if err != nil || parsed.Host == "" || parsed.User != nil || parsed.RawQuery != "" || !slices.Contains(schemes, parsed.Scheme) {
			problems = append(problems, fmt.Errorf("cloud %q: %s must be an address with %s, not %q", c.Name, name, strings.Join(schemes, " or "), address))
		}
	}
	check("authority", c.Authority, "https")
	check("browser authority", c.browserAuthority(), "https", "http")
	check("Graph URL", c.GraphURL, "https")
	return errors.Join(problems...)
}

func (c Cloud) browserAuthority() string {
	if c.BrowserAuthority != "" {
		return strings.TrimSuffix(c.BrowserAuthority, "/")
	}
	return c.authority()
}

func (c Cloud) authority() string { return strings.TrimSuffix(c.Authority, "/") }

func (c Cloud) graphURL() string { return strings.TrimSuffix(c.GraphURL, "/") }

// graphScope is the one scope of app-only tokens: everything that was consented for Graph.
func (c Cloud) graphScope() string {
	resource := c.GraphResource
	switch {
	case resource != "":
	case c.isMicrosoft():
		resource = origin(c.GraphURL)
	default:
		resource = origin(Global().GraphURL)
	}
	return strings.TrimSuffix(resource, "/") + "/.default"
}

func (c Cloud) tokenURL(tenantID string) string {
	return c.authority() + "/" + url.PathEscape(tenantID) + "/oauth2/v2.0/token"
}

func (c Cloud) discoveryURL(tenantID string) string {
	return c.authority() + "/" + url.PathEscape(tenantID) + "/v2.0/.well-known/openid-configuration"
}

// microsoftHosts are the token services of Microsoft; any other is an emulator.
var microsoftHosts = []string{
	"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn", "login.chinacloudapi.cn",
	"login.sovcloud-identity.fr", "login.sovcloud-identity.de", "login.sovcloud-identity.sg",
}

func (c Cloud) isMicrosoft() bool {
	parsed, err := url.Parse(c.Authority)
	return err == nil && slices.Contains(microsoftHosts, parsed.Host)
}

// transport is the one way out of this package: see answers.
func (c Cloud) transport() http.RoundTripper {
	if c.HTTP != nil && c.HTTP.Transport != nil {
		return &answers{base: c.HTTP.Transport}
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = 32
	base.ResponseHeaderTimeout = time.Minute
	return &answers{base: base}
}

// client has no overall timeout: pages of a large directory take as long as the caller's context allows.
func (c Cloud) client() *http.Client {
	return &http.Client{Transport: c.transport(), CheckRedirect: noRedirects}
}

func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func origin(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(parsed.Scheme + "://" + parsed.Host)
}
