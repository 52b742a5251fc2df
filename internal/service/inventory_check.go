package service

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"consentry/internal/domain"
)

var (
	keyPattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{1,62}$`)
	guidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// check holds the inventory against its rules and names the first breach by its
// path, for example "accounts[2].integrations[0].tenantId".
func (inv Inventory) check() error {
	for n, c := range inv.Campaigns {
		at := fmt.Sprintf("campaigns[%d].", n)
		if err := firstOf(key(at+"id", c.ID), text(at+"name", c.Name), key(at+"region", c.Region), checkTerms(at+"terms.", c.Terms)); err != nil {
			return err
		}
	}
	for n, p := range inv.Operators {
		if err := p.check(fmt.Sprintf("operators[%d].", n)); err != nil {
			return err
		}
	}
	seen := map[string]string{}
	for n, a := range inv.Accounts {
		at := fmt.Sprintf("accounts[%d].", n)
		if err := a.check(at); err != nil {
			return err
		}
		for m, i := range a.Integrations {
			at := fmt.Sprintf("%sintegrations[%d].", at, m)
			if err := i.check(at); err != nil {
				return err
			}
			if first, twice := seen[i.ID]; twice {
				return domain.InvalidField(at+"id", "The integration %q is listed twice, first at %s", i.ID, first)
			}
			seen[i.ID] = at
		}
	}
	return nil
}

func (a InventoryAccount) check(at string) error {
	if err := firstOf(key(at+"id", a.ID), text(at+"name", a.Name), key(at+"region", a.Region)); err != nil {
		return err
	}
	if _, err := time.LoadLocation(a.TimeZone); err != nil || a.TimeZone == "" {
		return domain.InvalidField(at+"timeZone", "Enter an IANA time zone, for example Europe/Berlin")
	}
	for n, p := range a.People {
		at := fmt.Sprintf("%speople[%d].", at, n)
		if err := p.check(at); err != nil {
			return err
		}
		if !p.Role.Valid() || p.Role == domain.RoleOperator {
			return domain.InvalidField(at+"role", "The role is view, migrate or approve")
		}
	}
	return nil
}

func (p InventoryPerson) check(at string) error {
	return firstOf(text(at+"issuer", p.Issuer), text(at+"subject", p.Subject), text(at+"name", p.Name))
}

func (i InventoryIntegration) check(at string) error {
	if i.Schedule.TimesADay < 0 || i.Schedule.TimesADay > 24 {
		return domain.InvalidField(at+"schedule.timesADay", "Enter a number from 1 to 24")
	}
	return firstOf(key(at+"id", i.ID), text(at+"name", i.Name), guid(at+"tenantId", i.TenantID),
		text(at+"tenantDomain", i.TenantDomain), guid(at+"legacyApp.clientId", i.LegacyApp.ClientID), text(at+"legacyApp.name", i.LegacyApp.Name))
}

// checkTerms holds a campaign's dates and durations against their rules.
func checkTerms(at string, t domain.CampaignTerms) error {
	switch {
	case t.Deadline.IsZero():
		return domain.InvalidField(at+"deadline", "Enter the date after which legacy synchronization stops")
	case !t.AvailableFrom.IsZero() && !t.AvailableFrom.Before(t.Deadline.Time):
		return domain.InvalidField(at+"availableFrom", "The campaign must become available before its deadline")
	}
	for _, d := range []struct {
		name  string
		value domain.Duration
	}{{"consentBudget", t.ConsentBudget}, {"proofAge", t.ProofAge}, {"firstSync", t.FirstSync}, {"wayBack", t.WayBack}, {"cleanUp", t.CleanUp}} {
		if d.value <= 0 {
			return domain.InvalidField(at+d.name, "Enter a duration longer than zero, for example \"72h\"")
		}
	}
	for n, r := range t.Reminders {
		if r <= 0 {
			return domain.InvalidField(fmt.Sprintf("%sreminders[%d]", at, n), "A reminder lies before the deadline: enter a duration longer than zero")
		}
	}
	for n, r := range t.CleanUpReminders {
		if r <= 0 || r >= t.CleanUp {
			return domain.InvalidField(fmt.Sprintf("%scleanUpReminders[%d]", at, n), "A clean-up reminder lies within the clean-up: enter a duration longer than zero and shorter than cleanUp")
		}
	}
	return nil
}

func indexed(list string, n int) string { return fmt.Sprintf("%s[%d]", list, n) }

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

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
	return nil
}

func guid(field, v string) error {
	if !guidPattern.MatchString(v) {
		return domain.InvalidField(field, "Enter a GUID, for example 5c1b0f0e-3a51-4c4e-9d0d-1d5d8a3a7f11")
	}
	return nil
}
