package emulator

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// flaw is a value that makes no sense, by the field it stands in.
type flaw struct{ field, text string }

func firstFlaw(of string, flaws []flaw) error {
	if len(flaws) == 0 {
		return nil
	}
	return fmt.Errorf("%s: the field %s: %s", of, flaws[0].field, flaws[0].text)
}

// claimsOfGroups are the values of groupMembershipClaims in an app manifest.
var claimsOfGroups = []string{"", "None", "SecurityGroup", "DirectoryRole", "ApplicationGroup", "All"}

// permissionName is the form of delegated permissions, of which Graph has hundreds.
var permissionName = regexp.MustCompile(`^[A-Z][A-Za-z]*(-[A-Za-z]+)?(\.[A-Z][A-Za-z]*)+$`)

// flaws are what could never work as it stands.
func (a *Application) flaws() []flaw {
	var all []flaw
	wrong := func(field, format string, values ...any) {
		all = append(all, flaw{field, fmt.Sprintf(format, values...)})
	}
	if !slices.Contains(claimsOfGroups, a.GroupMembershipClaims) {
		wrong("groupMembershipClaims", "is one of None, SecurityGroup, DirectoryRole, ApplicationGroup and All, not %q", a.GroupMembershipClaims)
	}
	for i, claim := range a.OptionalClaims {
		if claim != "acct" && claim != "email" {
			wrong(fmt.Sprintf("optionalClaims[%d]", i), "the optional claims emulated are acct and email, not %q", claim)
		}
	}
	for i, scope := range a.DelegatedScopes {
		if scopeWords[scope] == "" && !permissionName.MatchString(scope) {
			wrong(fmt.Sprintf("delegatedScopes[%d]", i), "%q is no delegated permission such as openid or User.Read", scope)
		}
	}
	for i, address := range a.RedirectURIs {
		if u, err := url.Parse(address); err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" && u.Path == "" || u.Fragment != "" {
			wrong(fmt.Sprintf("redirectUris[%d]", i), "%q is not an absolute address without fragment", address)
		}
	}
	for i, secret := range a.Secrets {
		if secret.Value == "" {
			wrong(fmt.Sprintf("secrets[%d].value", i), "is empty")
		}
	}
	for i, der := range a.Certificates {
		if _, err := x509.ParseCertificate(der); err != nil {
			wrong(fmt.Sprintf("certificates[%d]", i), "is not a certificate in DER")
		}
	}
	return all
}

// hostName is the form of domains and names of hosts, which are written in Punycode where they are not in English.
var hostName = regexp.MustCompile(`^(?i:[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.(?i:[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?))*$`)

// isHost tells whether a certificate can be good for it: a name, one for all below a name, or an IP address.
func isHost(name string) bool {
	return hostName.MatchString(strings.TrimPrefix(name, "*.")) || net.ParseIP(name) != nil
}

func (t *Tenant) flaws() []flaw {
	var all []flaw
	if t.Domain != "" && !hostName.MatchString(t.Domain) {
		all = append(all, flaw{"domain", fmt.Sprintf("%q is not the name of a domain", t.Domain)})
	}
	if t.Policy.RequestLifetime < 0 {
		all = append(all, flaw{"policy.requestLifetime", "is negative"})
	}
	return all
}

// flaws are what a fault could never do, or not as it says.
func (f *Fault) flaws() []flaw {
	var all []flaw
	wrong := func(field, text string) { all = append(all, flaw{field, text}) }
	switch {
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		wrong("status", "an answer has a status from 200 to 599")
	case !f.answers() && !f.shapes() && !f.shapesTokens():
		wrong("status", "is missing, and so is everything else that could happen: the fault would do nothing")
	}
	if f.PathPrefix != "" && !strings.HasPrefix(f.PathPrefix, "/") {
		wrong("pathPrefix", fmt.Sprintf("%q does not begin with a slash, as every path does", f.PathPrefix))
	}
	if _, known := authErrors[f.AADSTS]; f.AADSTS != 0 && !known {
		wrong("aadsts", fmt.Sprintf("AADSTS%d is never said here", f.AADSTS))
	}
	if f.Remaining < -1 {
		wrong("remaining", "is a number of requests, or -1 until cleared")
	}
	for _, of := range []struct {
		field  string
		number int64
	}{{"delay", int64(f.Delay)}, {"trickle", int64(f.Trickle)}, {"lag", int64(f.Lag)}, {"cut", int64(f.Cut)}} {
		if of.number < 0 {
			wrong(of.field, "is negative")
		}
	}
	if f.Delta != nil {
		if *f.Delta == (DeltaQuirks{}) {
			wrong("delta", "names no quirk")
		}
		if field := f.Delta.negative(); field != "" {
			wrong("delta."+field, "is negative")
		}
	}
	return all
}

// isPrincipalName tells whether a text has the form of a user principal name: a name and a domain.
func isPrincipalName(text string) bool {
	name, domain, _ := strings.Cut(text, "@")
	return name != "" && domain != "" && !strings.ContainsAny(text, " \t\r\n")
}

func (p *Person) flaws() []flaw {
	var all []flaw
	if p.UPN != "" && !isPrincipalName(p.UPN) {
		all = append(all, flaw{"upn", fmt.Sprintf("%q is not a user principal name of the form name@domain", p.UPN)})
	}
	for i, role := range p.Roles {
		if !isGUID(role) {
			all = append(all, flaw{fmt.Sprintf("roles[%d]", i), fmt.Sprintf("%q is not the template id of a directory role, which is a GUID", role)})
		}
	}
	return all
}

// mostGenerated is ten times what is measured; more is a slip of the hand, and no machine's memory holds it.
const mostGenerated = 10_000_000

func (g *Generate) flaws() []flaw {
	var all []flaw
	for _, of := range []struct {
		field  string
		number int
	}{{"generate.users", g.Users}, {"generate.groups", g.Groups}} {
		switch {
		case of.number < 0:
			all = append(all, flaw{of.field, "is negative"})
		case of.number > mostGenerated:
			all = append(all, flaw{of.field, fmt.Sprintf("is more than the %d that a directory can have here", mostGenerated)})
		}
	}
	return all
}
