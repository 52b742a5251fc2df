package migration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

// facet is one thing that may be so beside everything else; the first of its
// states is how it is when nothing of it is so.
type facet struct {
	name   string
	states []state
}

type state struct {
	name string
	set  func(*migration.Situation)
}

var (
	outlookNow  = time.Date(2026, 8, 18, 10, 0, 0, 0, time.UTC)
	outlookPast = outlookNow.Add(-48 * time.Hour)
	outlookSoon = outlookNow.Add(48 * time.Hour)
)

// facets are everything that an outlook is made of. Their product is every
// situation that can be told apart, and some that no row can be in.
func facets() []facet {
	as := func(name string, set func(*migration.Situation)) state { return state{name, set} }
	phase := facet{"phase", []state{as("no attempt", func(s *migration.Situation) { s.Migration.ID = "" })}}
	for _, p := range phases {
		phase.states = append(phase.states, as(string(p), func(s *migration.Situation) {
			s.Migration.Phase, s.Bound = p, p.Switched()
			if p == domain.CuttingOver {
				s.Bound = true
			}
		}))
	}
	broken := func(code, text string) func(*migration.Situation) {
		return func(s *migration.Situation) {
			s.Condition, s.ConditionCode, s.ConditionText, s.ConditionAt = domain.ConditionError, code, text, outlookPast
		}
	}
	return []facet{
		phase,
		{"date", []state{
			as("ahead", func(s *migration.Situation) { s.InForce = outlookSoon }),
			as("none", func(*migration.Situation) {}),
			as("passed", func(s *migration.Situation) { s.InForce, s.Migration.Overdue = outlookPast, !s.Bound }),
			as("grace", func(s *migration.Situation) {
				s.InForce, s.Migration.Overdue = outlookPast, !s.Bound
				s.Grace = outlookSoon
			}),
		}},
		{"secret", []state{
			as("outlasts it", func(*migration.Situation) {}),
			as("ends before", func(s *migration.Situation) { s.SecretEnds = outlookNow.Add(time.Hour) }),
		}},
		{"campaign", []state{
			as("running", func(*migration.Situation) {}), as("paused", func(s *migration.Situation) { s.Paused = true }),
			as("none", func(s *migration.Situation) { s.Campaign = s.Migration.ID != "" }),
		}},
		{"consent", []state{
			as("", func(*migration.Situation) {}),
			as("begun", func(s *migration.Situation) { s.Migration.ConsentBeganAt = domain.At(outlookPast) }),
			as("no permission", func(s *migration.Situation) { s.Migration.ConsentCode = migration.ConsentNoPermission }),
			as("wrong role", func(s *migration.Situation) {
				s.Migration.ConsentCode, s.Migration.ConsentText = "role_missing", "This account has none of the roles. Ask."
			}),
			as("our configuration", func(s *migration.Situation) {
				s.Migration.ConsentCode, s.Migration.ConsentText = "our_configuration", "The configuration of our application has a fault. Told."
			}),
			as("shared", func(s *migration.Situation) { s.Migration.ConsentCode = migration.ConsentTenantShared }),
			as("shared, kept", func(s *migration.Situation) {
				s.Migration.ConsentCode, s.ConsentKept = migration.ConsentTenantShared, true
			}),
			as("allowed", func(s *migration.Situation) {
				s.Migration.ConsentBeganAt, s.TenantAllowed = domain.At(outlookPast), true
			}),
			as("allowed, kept", func(s *migration.Situation) { s.TenantAllowed, s.ConsentKept = true, true }),
		}},
		{"failure", []state{
			as("", func(*migration.Situation) {}),
			as("late", func(s *migration.Situation) { s.Migration.FailureCode = migration.FirstSyncLate }),
			as("was paused", func(s *migration.Situation) {
				s.Migration.FailureCode, s.Migration.FailureText = migration.CampaignPaused, migration.Text(migration.CampaignPaused)
			}),
		}},
		{"way", []state{
			as("", func(*migration.Situation) {}),
			as("waits", func(s *migration.Situation) { s.Migration.WaitingCode = migration.MicrosoftUnavailable }),
			as("our fault", func(s *migration.Situation) { s.Migration.WaitingCode = migration.CellMisconfigured }),
			as("engine", func(s *migration.Situation) { s.Undelivered = true }),
			as("given", func(s *migration.Situation) { s.Given = true }),
			as("approved", answered(domain.DecideApprove)), as("refused", answered(domain.DecideRefuse)), as("cancelled", answered(domain.DecideCancel)),
			as("described", answered(domain.DecideDescribe)), as("rolled back", answered(domain.DecideRollBack)), as("removed", answered(domain.DecideCleanUp)),
		}},
		{"window", []state{
			as("open", func(*migration.Situation) {}),
			as("closed", func(s *migration.Situation) {
				s.Migration.WayBackUntil, s.Migration.CleanUpUntil, s.NoWayBack = domain.At(outlookPast), domain.At(outlookPast), "The way back closed on X. So."
			}),
			as("no way", func(s *migration.Situation) { s.NoWayBack = "The old app no longer lets us in. So." }),
			as("past date", func(s *migration.Situation) {
				s.NoWayBack, s.PastDate = "The date for the old app has passed. So.", true
			}),
		}},
		{"condition", []state{
			as("ok", func(*migration.Situation) {}),
			as("lost", broken("consent-lost", "Microsoft no longer lets the connector read. Nothing.")),
			as("away", broken("microsoft-unavailable", "Microsoft does not answer. We try.")),
			as("ours", broken("misconfigured", "Our own app registration does not answer as it should. The vendor.")),
			as("reconnecting", func(s *migration.Situation) { broken("consent-lost", "No. ")(s); s.Reconnecting = true }),
			as("reconnected", func(s *migration.Situation) {
				broken("consent-lost", "No. ")(s)
				s.Reconnected, s.NextRun = true, outlookPast
			}),
			as("reconnect failed", func(s *migration.Situation) {
				broken("consent-lost", "No. ")(s)
				s.ReconnectCode = migration.ConsentNoPermission
			}),
			as("reconnect shared", func(s *migration.Situation) {
				broken("consent-lost", "No. ")(s)
				s.ReconnectCode = migration.ConsentTenantShared
			}),
		}},
		{"account", []state{
			as("stays", func(*migration.Situation) {}),
			as("leaves", func(s *migration.Situation) { s.Leaves = outlookSoon }),
			as("due", func(s *migration.Situation) { s.Leaves = outlookPast }),
			as("left", func(s *migration.Situation) { s.Left = outlookPast }),
		}},
	}
}

func answered(kind domain.DecisionKind) func(*migration.Situation) {
	return func(s *migration.Situation) {
		if migration.Answers(s.Migration.Phase, kind) && s.Migration.ID != "" {
			s.Given, s.Answer = true, kind
		}
	}
}

// everySituation goes through the product of the facets; those that say nothing
// in a phase are left at their first state there.
func everySituation(visit func(name string, s migration.Situation)) {
	all := facets()
	chosen := make([]int, len(all))
	var choose func(n int)
	choose = func(n int) {
		if n == len(all) {
			s := migration.Situation{
				Name: "Contoso", Campaign: true, Now: outlookNow,
				Facts: migration.Facts{Migration: domain.Migration{ID: "mig_1", WayBackUntil: domain.At(outlookSoon), CleanUpUntil: domain.At(outlookSoon)}},
			}
			var said []string
			for i, f := range all {
				f.states[chosen[i]].set(&s)
				said = append(said, f.states[chosen[i]].name)
			}
			visit(strings.Join(said, " | "), s)
			return
		}
		for k := range all[n].states {
			chosen[n] = k
			if k > 0 && !matters(all[n].name, all[0].states[chosen[0]].name) {
				continue
			}
			choose(n + 1)
		}
	}
	choose(0)
}

// matters keeps the product to what can be so in a phase.
func matters(facet, phase string) bool {
	p := domain.Phase(phase)
	switch facet {
	case "consent":
		return p == domain.AwaitingConsent
	case "failure":
		return p == domain.Proving || p == domain.AwaitingApproval
	case "window":
		return p == domain.Migrated || p == domain.CleanUp
	case "way":
		return phase != "no attempt" && !p.Ended()
	}
	return true
}

// What must be so of every outlook, however its parts come together.
func TestNoOutlookContradictsItself(t *testing.T) {
	n := 0
	everySituation(func(name string, s migration.Situation) {
		n++
		o := migration.OutlookOf(s)
		text := o.Sentence("Contoso")
		idle := strings.HasPrefix(o.Who, "nobody has to act")
		for rule, holds := range map[string]bool{
			"it is one sentence":                    strings.Count(text, ".") == 1 && !strings.Contains(text, ";;") && !strings.Contains(text, "  ") && !strings.Contains(text, "; ;"),
			"it names no date before the first":     !strings.Contains(text, " 0001 "),
			"it says who acts":                      o.Who != "" && o.Why != "",
			"a person who is needed is named":       !o.Waits || !idle,
			"what needs nobody names no people":     !idle || o.Role == "" || !s.Leaves.IsZero(),
			"what lies behind is not announced":     o.At.IsZero() || o.At.After(s.Now),
			"a date behind does not end anything":   !strings.Contains(text, "ends on 16 August") && !strings.Contains(text, "until 16 August") && !strings.Contains(text, "from 16 August"),
			"what waits does not go on by itself":   !o.Waits || strings.Contains(o.Who, "by itself") || !strings.Contains(o.Next, "by itself") || strings.Contains(o.Next, "after the decision"),
			"a decision ahead needs somebody":       !strings.Contains(o.Next, "after the decision") || o.Waits || s.Answer != "",
			"what is decided waits for nobody":      s.Answer == "" || !s.Left.IsZero() || !o.Waits || s.Migration.WaitingCode == migration.CellMisconfigured || s.Unread(),
			"an operator's fault is an operator's":  s.Migration.WaitingCode != migration.CellMisconfigured || !s.Left.IsZero() || !s.Leaves.IsZero() || s.Unread() || strings.Contains(o.Who, "operator"),
			"a shared tenant is an operator's":      s.Migration.Phase != domain.AwaitingConsent || s.Migration.ConsentCode != migration.ConsentTenantShared || s.TenantAllowed || s.Migration.WaitingCode != "" || s.Answer != "" || !s.Left.IsZero() || !s.Leaves.IsZero() || migration.NeedsPerson(s.Migration.Phase, s.Migration.ConsentCode) == migration.Operator && strings.Contains(o.Who, "tenant allow"),
			"a leaving account migrates no more":    s.Leaves.IsZero() || s.Bound || !strings.Contains(text, "can be started") && !strings.Contains(text, "can start it"),
			"a leaving account keeps nothing":       !s.Leaves.After(s.Now) || s.Migration.ID != "" && !s.Bound && !s.Migration.Phase.Ended() || !strings.Contains(text, "nothing is deleted,"),
			"a pending deletion can be withdrawn":   !s.Leaves.After(s.Now) || !s.Left.IsZero() || strings.Contains(o.Who, "withdraw the deletion"),
			"what is over cannot be withdrawn":      s.Leaves.After(s.Now) || !strings.Contains(text, "withdraw"),
			"only a lost consent is asked for anew": !s.Unread() || s.NeedsConsentAgain() || !strings.Contains(text, "can reconnect"),
			"a paused campaign waits for operators": !s.Paused || !migration.BeforeCutOver(s.Migration.Phase) || s.Migration.ID == "" || s.Answer != "" || !s.Leaves.IsZero() || !s.Left.IsZero() || strings.Contains(o.Who, "operator"),
			"overdue, sync is not going on":         !s.Migration.Overdue || !s.Grace.IsZero() || !strings.Contains(text, "goes on until"),
		} {
			if !holds {
				require.Fail(t, rule, "%s\n%s\nwaits %v, role %q, at %s", name, text, o.Waits, o.Role, o.At)
			}
		}
	})
	require.Greater(t, n, 10_000)
}
