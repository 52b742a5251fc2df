package service

import (
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"

	"consentry/internal/domain"
)

var (
	keyPattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{1,62}$`)
	guidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

	// Two labels or more, as RFC 1123 writes them; one beyond ASCII is its xn-- form.
	domainPattern = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])$`)
)

// check holds the inventory against its rules and names each breach by its path,
// for example "accounts[2].integrations[0].tenantId".
func (inv Inventory) check() error {
	var errs []error
	for n, c := range inv.Campaigns {
		at := indexed("campaigns", n) + "."
		errs = append(errs, key(at+"id", c.ID), text(at+"name", c.Name), key(at+"region", c.Region), checkTerms(at+"terms.", c.Terms))
	}
	for n, p := range inv.Operators {
		errs = append(errs, p.check(indexed("operators", n)+"."))
	}
	for n, a := range inv.Accounts {
		at := indexed("accounts", n) + "."
		errs = append(errs, a.check(at))
		for m, i := range a.Integrations {
			errs = append(errs, i.check(indexed(at+"integrations", m)+"."))
		}
	}
	return domain.Mistakes(append(errs, inv.checkOnce())...)
}

// checkOnce refuses what is listed twice, where the second would overwrite the
// first, or have its name.
func (inv Inventory) checkOnce() error {
	var errs []error
	campaigns, accounts, integrations := listed{}, listed{}, listed{}
	for n, c := range inv.Campaigns {
		errs = append(errs, campaigns.once(indexed("campaigns", n)+".id", "campaign", c.ID))
	}
	for n, a := range inv.Accounts {
		at := indexed("accounts", n) + "."
		errs = append(errs, accounts.once(at+"id", "account", a.ID))
		names := listed{}
		for m, i := range a.Integrations {
			at := indexed(at+"integrations", m) + "."
			again := integrations.once(at+"id", "integration", i.ID)
			if again == nil {
				again = names.once(at+"name", "name", i.Name)
			}
			errs = append(errs, again)
		}
	}
	return domain.Mistakes(errs...)
}

// listed is what has been listed, with the path of each.
type listed map[string]string

func (l listed) once(field, what, v string) error {
	if first, twice := l[v]; twice && v != "" {
		return domain.InvalidField(field, "The %s %q is listed twice, first at %s", what, v, first)
	}
	l[v] = field
	return nil
}

func (a InventoryAccount) check(at string) error {
	errs := []error{key(at+"id", a.ID), text(at+"name", a.Name), key(at+"region", a.Region)}
	if _, err := time.LoadLocation(a.TimeZone); err != nil || a.TimeZone == "" {
		errs = append(errs, domain.InvalidField(at+"timeZone", "Enter an IANA time zone, for example Europe/Berlin"))
	}
	for n, d := range a.Domains {
		errs = append(errs, domainName(indexed(at+"domains", n), d))
	}
	for n, c := range a.Contacts {
		at := indexed(at+"contacts", n) + "."
		errs = append(errs, text(at+"name", c.Name), email(at+"email", c.Email))
	}
	for n, p := range a.People {
		at := indexed(at+"people", n) + "."
		errs = append(errs, p.check(at))
		if !p.Role.Valid() || p.Role == domain.RoleOperator {
			errs = append(errs, domain.InvalidField(at+"role", "The role is view, migrate or approve"))
		}
	}
	return domain.Mistakes(errs...)
}

func (p InventoryPerson) check(at string) error {
	return domain.Mistakes(text(at+"issuer", p.Issuer), text(at+"subject", p.Subject), text(at+"name", p.Name))
}

func (i InventoryIntegration) check(at string) error {
	var often, every, secret error
	if i.Schedule.TimesADay < 0 || i.Schedule.TimesADay > 24 {
		often = domain.InvalidField(at+"schedule.timesADay", "Enter a number from 1 to 24, or 0 for the usual rounds, every eight hours")
	}
	if i.Schedule.Every < 0 {
		every = domain.InvalidField(at+"schedule.every", "Enter a duration longer than zero, for example \"6h\", or leave it out")
	}
	if i.LegacyApp.Secret != "" { // left out, the one that is held stays
		secret = secretMistake(at+"legacyApp.secret", i.LegacyApp.Secret)
	}
	return domain.Mistakes(key(at+"id", i.ID), text(at+"name", i.Name), guid(at+"tenantId", i.TenantID), domainName(at+"tenantDomain", i.TenantDomain),
		often, every, guid(at+"legacyApp.clientId", i.LegacyApp.ClientID), text(at+"legacyApp.name", i.LegacyApp.Name), secret)
}

// checkTerms holds a campaign's dates and durations against their rules.
func checkTerms(at string, t domain.CampaignTerms) error {
	var errs []error
	refuse := func(field, sentence string) { errs = append(errs, domain.InvalidField(at+field, "%s", sentence)) }
	switch {
	case t.Deadline.IsZero():
		refuse("deadline", "Enter the date after which legacy synchronization stops")
	case !t.AvailableFrom.IsZero() && !t.AvailableFrom.Before(t.Deadline.Time):
		refuse("availableFrom", "The campaign must become available before its deadline")
	}
	for _, d := range []struct {
		name  string
		value domain.Duration
	}{{"consentBudget", t.ConsentBudget}, {"proofAge", t.ProofAge}, {"firstSync", t.FirstSync}, {"wayBack", t.WayBack}, {"cleanUp", t.CleanUp}} {
		if d.value <= 0 {
			refuse(d.name, "Enter a duration longer than zero, for example \"72h\"")
		}
	}
	for n, r := range t.Reminders {
		if r <= 0 {
			refuse(indexed("reminders", n), "A reminder lies before the deadline: enter a duration longer than zero")
		}
	}
	for n, r := range t.CleanUpReminders {
		if r <= 0 || r >= t.CleanUp {
			refuse(indexed("cleanUpReminders", n), "A clean-up reminder lies within the clean-up: enter a duration longer than zero and shorter than cleanUp")
		}
	}
	return domain.Mistakes(errs...)
}

func indexed(list string, n int) string { return fmt.Sprintf("%s[%d]", list, n) }

func key(field, v string) error {
	if !keyPattern.MatchString(v) {
		return domain.InvalidField(field, "Enter 2 to 63 lower-case letters, digits, - or _")
	}
	return nil
}

func text(field, v string) error {
	if strings.TrimSpace(v) == "" {
		return domain.InvalidField(field, "Enter a value")
	}
	if len(v) > 256 {
		return domain.InvalidField(field, "Enter 256 bytes or fewer")
	}
	return oneLine(field, v)
}

// oneLine keeps out what would break the line of a table, or steer the terminal
// of whoever looks at it.
func oneLine(field, v string) error {
	if strings.ContainsFunc(v, unicode.IsControl) {
		return domain.InvalidField(field, "Enter one line, without line breaks and control characters")
	}
	return nil
}

func domainName(field, v string) error {
	if len(v) > 253 || !domainPattern.MatchString(v) {
		return domain.InvalidField(field, "Enter a domain, for example contoso.com")
	}
	return nil
}

// email takes an address alone: net/mail reads one with a name in front, too.
func email(field, v string) error {
	if a, err := mail.ParseAddress(v); err != nil || a.Address != v || len(v) > 254 {
		return domain.InvalidField(field, "Enter an e-mail address, for example ana@contoso.com")
	}
	return nil
}

func guid(field, v string) error {
	if !guidPattern.MatchString(v) {
		return domain.InvalidField(field, "Enter a GUID, for example 5c1b0f0e-3a51-4c4e-9d0d-1d5d8a3a7f11")
	}
	return nil
}
