package migration_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

var phases = []domain.Phase{
	domain.AwaitingConsent, domain.ConfirmingConsent, domain.AwaitingDescription, domain.Proving, domain.AwaitingApproval, domain.CuttingOver,
	domain.Migrated, domain.CleanUp, domain.Closed, domain.RolledBack, domain.Cancelled,
}

// Every edge there is; every pair that is not here must be refused.
const edges = `
AwaitingConsent     ConfirmingConsent Cancelled
ConfirmingConsent   AwaitingConsent AwaitingDescription Proving Cancelled
AwaitingDescription Proving Cancelled
Proving             AwaitingApproval CuttingOver AwaitingConsent Cancelled
AwaitingApproval    CuttingOver Proving Cancelled
CuttingOver         Migrated AwaitingApproval
Migrated            CleanUp RolledBack
CleanUp             Closed
Closed
RolledBack
Cancelled
`

func TestEveryEdge(t *testing.T) {
	want := map[domain.Phase][]string{}
	for line := range strings.Lines(strings.TrimSpace(edges)) {
		words := strings.Fields(line)
		want[domain.Phase(words[0])] = words[1:]
	}
	require.Len(t, migration.Stages, len(phases))
	require.Len(t, want, len(phases))
	for _, from := range phases {
		for _, to := range phases {
			require.Equal(t, slices.Contains(want[from], string(to)), migration.MayFollow(from, to), "%s → %s", from, to)
		}
		require.Equal(t, from.Ended(), len(migration.StageOf(from).Next) == 0, "%s: an end has no way on, everything else has", from)
	}
	require.False(t, migration.MayFollow("Nowhere", domain.AwaitingConsent))
}

func TestWhatMayBeDecidedWhere(t *testing.T) {
	want := map[domain.DecisionKind][]domain.Phase{
		domain.DecideDescribe: phases[:5],
		domain.DecideCancel:   phases[:5],
		domain.DecideExtend:   append(slices.Clone(phases[:5]), domain.Migrated), // where it opens the way back again
		domain.DecideApprove:  {domain.AwaitingApproval},
		domain.DecideRefuse:   {domain.AwaitingApproval},
		domain.DecideRollBack: {domain.Migrated},
		domain.DecideCleanUp:  {domain.Migrated, domain.CleanUp},
	}
	require.Len(t, migration.Kinds, len(want))
	for _, kind := range migration.Kinds {
		for _, p := range phases {
			require.Equal(t, slices.Contains(want[kind], p), migration.Allows(p, kind), "%s in %s", kind, p)
			require.NotEmpty(t, migration.NotNow(p, kind))
		}
	}
}

func TestCancellingIsPossibleExactlyBeforeTheSwitch(t *testing.T) {
	for _, p := range phases {
		require.Equal(t, migration.BeforeCutOver(p), migration.Allows(p, domain.DecideCancel), p)
		require.Equal(t, migration.BeforeCutOver(p), migration.MayFollow(p, domain.Cancelled), p)
	}
}

func TestRoles(t *testing.T) {
	for kind, want := range map[domain.DecisionKind]domain.Role{
		domain.DecideDescribe: domain.RoleMigrate, domain.DecideCancel: domain.RoleMigrate, domain.DecideCleanUp: domain.RoleMigrate,
		domain.DecideApprove: domain.RoleApprove, domain.DecideRefuse: domain.RoleApprove, domain.DecideRollBack: domain.RoleApprove,
		domain.DecideExtend: domain.RoleOperator,
	} {
		require.Equal(t, want, migration.RoleFor(kind, domain.DecisionDetail{}), kind)
	}
	require.Equal(t, domain.RoleApprove, migration.RoleFor(domain.DecideDescribe, domain.DecisionDetail{GoOnIfUnchanged: true}),
		"going on unasked is an approval given beforehand")
}

func TestStatusWords(t *testing.T) {
	m := func(change func(*domain.Migration)) domain.Migration {
		m := domain.Migration{Phase: domain.AwaitingConsent}
		change(&m)
		return m
	}
	at := func(p domain.Phase) domain.Migration { return m(func(m *domain.Migration) { m.Phase = p }) }
	for want, facts := range map[string][]migration.Facts{
		"Not started":                       {{Migration: at(domain.AwaitingConsent)}},
		"Waiting for another administrator": {{Migration: m(func(m *domain.Migration) { m.ConsentBeganAt = domain.At(time.Unix(1, 0)) })}},
		"Consent failed":                    {{Migration: m(func(m *domain.Migration) { m.ConsentBeganAt = domain.At(time.Unix(1, 0)); m.ConsentCode = "x" })}},
		"Checking the consent":              {{Migration: at(domain.ConfirmingConsent)}},
		"Needs a description":               {{Migration: at(domain.AwaitingDescription)}},
		"Checking what changes":             {{Migration: at(domain.Proving)}},
		"Ready to migrate":                  {{Migration: at(domain.AwaitingApproval)}},
		"Rebinding":                         {{Migration: at(domain.CuttingOver)}},
		"First synchronization":             {{Migration: at(domain.CuttingOver), Bound: true}, {Migration: at(domain.CuttingOver), Bound: true, Paused: true}},
		"Migrated":                          {{Migration: at(domain.Migrated)}, {Migration: at(domain.CleanUp)}, {Migration: at(domain.Closed)}, {Migration: at(domain.Migrated), Paused: true}},
		"Rolled back":                       {{Migration: at(domain.RolledBack)}},
		"Cancelled":                         {{Migration: at(domain.Cancelled)}},
		"On hold":                           {{Migration: at(domain.AwaitingConsent), Paused: true}, {Migration: at(domain.AwaitingApproval), Paused: true}},
	} {
		for _, f := range facts {
			require.Equal(t, want, migration.Status(f), f.Migration.Phase)
		}
	}
}

func TestExplanationSaysWhereWhyAndUntilWhen(t *testing.T) {
	date := time.Date(2026, 8, 18, 10, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		facts migration.Facts
		want  []string
		not   string
	}{
		"waits for consent": {
			migration.Facts{Migration: domain.Migration{Phase: domain.AwaitingConsent}, InForce: date},
			[]string{"Global Administrator of the tenant", "ends on 18 August 2026 10:00 UTC"}, "came to nothing",
		},
		"the consent failed": {
			migration.Facts{Migration: domain.Migration{Phase: domain.AwaitingConsent, ConsentCode: migration.ConsentNoPermission}},
			[]string{"came to nothing", "Privileged Role Administrator", "No date is in force"}, "ends on",
		},
		"overdue": {
			migration.Facts{Migration: domain.Migration{Phase: domain.AwaitingDescription, Overdue: true}, InForce: date},
			[]string{"description", "nothing is deleted", "starts it again"}, "ends on",
		},
		"Microsoft away": {
			migration.Facts{Migration: domain.Migration{Phase: domain.Proving, WaitingCode: migration.MicrosoftUnavailable}},
			[]string{"It waits: Microsoft does not answer. It goes on by itself."}, "",
		},
		"taken back": {
			migration.Facts{Migration: domain.Migration{Phase: domain.AwaitingApproval, FailureCode: migration.FirstSyncLate}},
			[]string{"did not end in time", "approve"}, "",
		},
		"paused": {
			migration.Facts{Migration: domain.Migration{Phase: domain.AwaitingApproval}, Paused: true},
			[]string{"paused"}, "",
		},
		"migrated": {
			migration.Facts{Migration: domain.Migration{Phase: domain.Migrated, WayBackUntil: domain.At(date)}, InForce: date},
			[]string{"The way back is open until 18 August 2026 10:00 UTC", "removing the old app is recommended"}, "ends on",
		},
	} {
		text := migration.Explain(test.facts)
		for _, want := range test.want {
			require.Contains(t, text, want, name)
		}
		if test.not != "" {
			require.NotContains(t, text, test.not, name)
		}
	}
	for _, p := range phases {
		require.NotContains(t, migration.Explain(migration.Facts{Migration: domain.Migration{Phase: p}}), "not known", p)
	}
}

func TestACodeWithoutASentenceIsNamed(t *testing.T) {
	require.Contains(t, migration.Text("brand-new"), "brand-new")
}
