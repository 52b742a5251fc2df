package standin

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// The tenants of the two customers, and the application of the cell.
const (
	Contoso  = "11111111-1111-4111-8111-111111111111"
	Fabrikam = "22222222-2222-4222-8222-222222222222"
	CellApp  = "44444444-4444-4444-8444-444444444444"
)

// Customers takes in two customers with their people, a cell and a campaign that has begun. Contoso has two
// integrations of one tenant, so that what holds for a connector is tried with both; the subject of a person is a name
// and the role.
func Customers(t testing.TB, s *service.Service, now time.Time) {
	t.Helper()
	ctx, system := t.Context(), domain.System("test")
	_, err := s.ImportInventory(ctx, system, "", service.Inventory{
		Operators: []service.InventoryPerson{person("olga-operator", "")},
		Accounts: []service.InventoryAccount{
			{
				ID: "acc-contoso", Name: "Contoso", Region: "eu", TimeZone: "Europe/Berlin",
				People:       []service.InventoryPerson{person("ana-approver", domain.RoleApprove), person("mia-migrator", domain.RoleMigrate), person("vic-viewer", domain.RoleView)},
				Integrations: []service.InventoryIntegration{integration("contoso", Contoso, now), integration("contoso-two", Contoso, now)},
			},
			{
				ID: "acc-fabric", Name: "Fabrikam", Region: "eu", TimeZone: "Europe/Berlin",
				People: []service.InventoryPerson{person("fay-fabric", domain.RoleApprove)}, Integrations: []service.InventoryIntegration{integration("fabric", Fabrikam, now)},
			},
		},
		Campaigns: []service.InventoryCampaign{{ID: "campaign-eu", Name: "Europe", Region: "eu", Terms: Terms(now)}},
	})
	require.NoError(t, err)
	_, err = s.RegisterCell(ctx, system, domain.Cell{ID: "cell-eu", Name: "Europe 1", Region: "eu", ClientID: CellApp}, service.FirstCertificate{
		Sealed: []byte("sealed"), Thumbprint: "ab", NotBefore: domain.At(now), NotAfter: domain.At(now.Add(time.Hour)),
	})
	require.NoError(t, err)
	_, err = s.StartCampaign(ctx, system, "campaign-eu")
	require.NoError(t, err)
}

func person(subject string, role domain.Role) service.InventoryPerson {
	return service.InventoryPerson{Issuer: Issuer, Subject: subject, Name: subject, Role: role}
}

func integration(id, tenant string, now time.Time) service.InventoryIntegration {
	return service.InventoryIntegration{
		ID: id, Name: "Directory of " + id, TenantID: tenant, TenantDomain: id + ".test", Schedule: domain.SyncSchedule{TimesADay: 3},
		LegacyApp: service.InventoryLegacyApp{ClientID: "33333333-3333-4333-8333-333333333333", Name: "old app", Secret: "hush~hush~hush", SecretEndsAt: domain.At(now.Add(30 * 24 * time.Hour))},
	}
}

// Terms are those of a campaign with thirty days to go.
func Terms(now time.Time) domain.CampaignTerms {
	hours := func(n int) domain.Duration { return domain.Duration(time.Duration(n) * time.Hour) }
	return domain.CampaignTerms{
		AvailableFrom: domain.At(now.Add(-time.Hour)), Deadline: domain.At(now.Add(30 * 24 * time.Hour)), Reminders: []domain.Duration{hours(72)},
		ConsentGrace: hours(48), ConsentBudget: hours(1), ProofAge: hours(1), FirstSync: hours(6), WayBack: hours(72), CleanUp: hours(720),
	}
}
