package emulator

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"regexp"
	"slices"
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

func (p *Person) flaws() []flaw {
	var all []flaw
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
