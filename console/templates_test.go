package console

import (
	"testing"
	"time"

	"github.com/jba/templatecheck"
	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

func TestTemplatesFitTheirModels(t *testing.T) {
	a, err := loadAssets()
	require.NoError(t, err)
	pages, err := loadTemplates(a)
	require.NoError(t, err)
	for name, model := range models {
		require.NoError(t, templatecheck.CheckHTML(pages[name].Lookup("layout"), model), name)
	}
}

func TestATemplateThatDoesNotFitIsFound(t *testing.T) {
	a, err := loadAssets()
	require.NoError(t, err)
	pages, err := loadTemplates(a)
	require.NoError(t, err)
	require.Error(t, templatecheck.CheckHTML(pages[pageMigration].Lookup("layout"), connectorsPage{}))
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 12: "12", 999: "999", 1000: "1,000", 48112: "48,112", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		require.Equal(t, want, number(n))
	}
}

func TestWhatIsLeft(t *testing.T) {
	for d, want := range map[time.Duration]string{
		31 * 24 * time.Hour: "31 days", 49 * time.Hour: "2 days", 47 * time.Hour: "47 hours", 119 * time.Minute: "119 minutes", 90 * time.Second: "90 seconds", time.Second: "1 second", -time.Hour: "0 seconds",
	} {
		require.Equal(t, want, left(d))
	}
}

func TestEveryFailureOfAConsentHasAHeadline(t *testing.T) {
	for _, code := range []string{
		string(consent.ReasonDeclined), string(consent.ReasonMayNotConsent), string(consent.ReasonApprovalRequested), string(consent.ReasonOtherAccount),
		string(consent.ReasonConditionalAccess), string(consent.ReasonMultifactor), string(consent.ReasonNotAssigned), string(consent.ReasonSpreading),
		string(consent.ReasonConfiguration), string(consent.ReasonDisabled), string(consent.ReasonTenantNotFound), string(consent.ReasonUnavailable),
		string(consent.ReasonTooOld), consent.CodeTenantMismatch, consent.CodeGuest, consent.CodeRoleMissing, consent.CodeRoleInsufficient,
		migration.ConsentNotVisible, migration.ConsentNoPrincipal, migration.ConsentNoPermission, migration.ConsentAppDisabled, migration.ConsentWrongTenant, migration.ConsentWithdrawn,
	} {
		require.NotEqual(t, adviceFor("never-heard-of"), adviceFor(code), code)
	}
	require.Equal(t, adviceFor(string(consent.ReasonConditionalAccess)), adviceFor("AADSTS53003"), "Microsoft's own code finds its help")
	require.NotEmpty(t, adviceFor("never-heard-of").Headline)
}

func TestEveryPhaseHasItsStep(t *testing.T) {
	for _, stage := range migration.Stages {
		v := inPhase(stage.Phase)
		require.NotEmpty(t, stepTitles[stepOf(v)-1].title, stage.Phase)
		require.NotEmpty(t, statusOfMigration(v).Word, stage.Phase)
	}
	require.Equal(t, 4, stepOf(inPhase(domain.CuttingOver)))
	bound := inPhase(domain.CuttingOver)
	bound.Integration.Binding = domain.BoundConnector
	require.Equal(t, 5, stepOf(bound))
}

func inPhase(p domain.Phase) service.ViewTask {
	return service.ViewTask{Migration: domain.Migration{Phase: p}}
}
