package service

import (
	"slices"
	"strings"

	"consentry/internal/domain"
)

// Served is what this installation serves. What it does not would be taken in
// and then forgotten: no sweep looks at another region, no process speaks to
// another cloud, nobody signs in with another provider. An empty field asks for
// nothing.
type Served struct {
	Regions []string
	Cloud   string
	Issuer  string // of the identity provider of the console
}

func (s Served) region(field, region string) error {
	if len(s.Regions) == 0 || slices.Contains(s.Regions, region) {
		return nil
	}
	return domain.InvalidField(field, "The region %q is served by nobody here. Choose one of %s, or add it to CONSENTRY_REGIONS of every process first", region, strings.Join(s.Regions, ", "))
}

func (s Served) cloud(field, cloud string) error {
	if s.Cloud == "" || s.Cloud == cloud {
		return nil
	}
	return domain.InvalidField(field, "The cloud %q is not served here; this installation speaks to %q alone (CONSENTRY_CLOUD)", cloud, s.Cloud)
}

func (s Served) issuer(field, issuer string) error {
	if s.Issuer == "" || s.Issuer == issuer {
		return nil
	}
	return domain.InvalidField(field, "Nobody signs in here with the issuer %q. Give the one of the console's identity provider: %s", issuer, s.Issuer)
}

// inventory holds what is taken in against what is served.
func (s Served) inventory(inv Inventory) error {
	var errs []error
	people := func(at string, list []InventoryPerson) {
		for n, p := range list {
			errs = append(errs, s.issuer(indexed(at, n)+".issuer", p.Issuer))
		}
	}
	for n, c := range inv.Campaigns {
		errs = append(errs, s.region(indexed("campaigns", n)+".region", c.Region))
	}
	people("operators", inv.Operators)
	for n, a := range inv.Accounts {
		at := indexed("accounts", n)
		errs = append(errs, s.region(at+".region", a.Region))
		people(at+".people", a.People)
	}
	return domain.Mistakes(errs...)
}
