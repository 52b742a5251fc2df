package world

import (
	"time"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// Terms are the dates and durations of the regions' campaigns.
type Terms map[string]domain.CampaignTerms

// DevTerms are dates around today: Europe in its second month, the Americas
// within two weeks of their deadline.
func DevTerms(now time.Time) Terms {
	day := 24 * time.Hour
	at := func(days int) domain.Instant {
		return domain.At(now.Add(time.Duration(days) * day).Truncate(time.Hour))
	}
	terms := func(from, deadline int) domain.CampaignTerms {
		return domain.CampaignTerms{
			AvailableFrom: at(from), Deadline: at(deadline),
			Reminders:    []domain.Duration{domain.Duration(30 * day), domain.Duration(14 * day), domain.Duration(7 * day), domain.Duration(day)},
			ConsentGrace: domain.Duration(2 * day), ConsentBudget: domain.Duration(15 * time.Minute), ProofAge: domain.Duration(time.Hour),
			FirstSync: domain.Duration(2 * time.Hour), WayBack: domain.Duration(14 * day), CleanUp: domain.Duration(30 * day),
		}
	}
	return Terms{"eu": terms(-45, 44), "us": terms(-77, 12)}
}

// CampaignID names a region's campaign.
func CampaignID(region string) string { return "connectors-" + region }

// Inventory is what the vendor would export about its customers. issuer is the
// console's identity provider.
func (w *World) Inventory(issuer string, terms Terms) service.Inventory {
	names := map[string]string{"eu": "Connectors Europe", "us": "Connectors Americas"}
	inv := service.Inventory{Operators: []service.InventoryPerson{w.Operator.invited(issuer, "")}}
	for _, region := range w.Regions() {
		inv.Campaigns = append(inv.Campaigns, service.InventoryCampaign{ID: CampaignID(region), Name: names[region], Region: region, Terms: terms[region]})
	}
	for _, c := range w.Customers {
		inv.Accounts = append(inv.Accounts, service.InventoryAccount{
			ID: c.Account, Name: c.Name, Region: c.Region, TimeZone: c.TimeZone, Domains: []string{c.Tenant.Domain},
			Contacts: []service.InventoryContact{{Name: c.Person.Name, Email: "directory@" + c.Tenant.Domain}},
			People:   []service.InventoryPerson{c.Person.invited(issuer, domain.RoleApprove)},
			Integrations: []service.InventoryIntegration{{
				ID: c.Integration, Name: c.Name, TenantID: c.Tenant.ID, TenantDomain: c.Tenant.Domain,
				Schedule: domain.SyncSchedule{TimesADay: 3}, Settings: domain.SyncSettings{IncludeGuests: true, IncludeDisabled: true},
				LegacyApp: service.InventoryLegacyApp{
					ClientID: c.LegacyApp.ClientID, Name: c.LegacyApp.Name, Secret: c.LegacyApp.Secret, SecretEndsAt: domain.At(c.LegacyApp.EndsAt),
				},
			}},
		})
	}
	return inv
}

func (p Person) invited(issuer string, role domain.Role) service.InventoryPerson {
	return service.InventoryPerson{Issuer: issuer, Subject: p.TenantID + "/" + p.ObjectID, Name: p.Name, Role: role}
}
