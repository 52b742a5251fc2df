package service_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// Whatever commands come in whatever order, late, twice or never: rows stay what
// the design says of each phase. A failure prints the order that led to it.
func TestNoOrderOfCommandsBreaksAMigration(t *testing.T) {
	seen := map[domain.Phase]int{}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newMigrationWorld(t)
			if seed%2 == 1 { // a date that no walk comes to
				w.campaignDate(w.now.Add(400 * day))
			}
			w.open()
			r := rand.New(rand.NewPCG(seed, 1))
			walk := &walk{migrationWorld: w, r: r}
			before := w.row()
			var path []string
			for range 120 {
				w.now = w.now.Add(time.Duration(r.IntN(36)) * time.Hour)
				path = append(path, walk.step())
				after := w.row()
				require.True(t, walk.sound(before, after), "%v\n%+v", path, after)
				seen[after.Phase]++
				before = after
			}
		})
	}
	for _, stage := range migration.Stages {
		require.NotZero(t, seen[stage.Phase], "no walk came to %s", stage.Phase)
	}
}

type walk struct {
	*migrationWorld
	r        *rand.Rand
	sessions int
	shadow   string
	first    string
	given    []string
}

// step tries one command, mostly out of order; what it answers does not matter.
func (w *walk) step() string {
	ctx, id := w.t.Context(), w.m.ID
	run := func(p domain.Purpose, shadow string) string {
		w.n++
		start, err := w.BeginRun(ctx, worker, contract.BeginRun{Key: fmt.Sprint("walk", w.n), Input: contract.DirectorySyncInput{
			IntegrationID: "i", AccountID: "a", AttemptID: id, Purpose: p, ShadowRunID: shadow,
		}})
		if err != nil || start.Refused {
			return ""
		}
		w.read(start.RunID)
		if p == domain.RunFirst && w.r.IntN(3) > 0 {
			w.apply(start.RunID)
		}
		return start.RunID
	}
	steps := []struct {
		name string
		do   func()
	}{
		{"consent", func() { w.sessions++; w.tryConsent(fmt.Sprint("cs_", w.sessions)) }},
		{"confirm", func() { _, _ = w.ConsentConfirmed(ctx, worker, id) }},
		{"deny", func() { _, _ = w.ConsentNotConfirmed(ctx, worker, id, migration.ConsentNotVisible) }},
		{"lose", func() { _, _ = w.LoseConsent(ctx, worker, id, migration.ConsentWithdrawn) }},
		{"shadow", func() { w.shadow = run(domain.RunShadow, "") }},
		{"prove", func() {
			_, _ = w.RecordProof(ctx, worker, contract.ShadowRead{AttemptID: id, ShadowRunID: w.shadow, Frozen: w.r.IntN(4) == 0})
		}},
		{"describe", func() {
			w.give(domain.DecideDescribe, domain.DecisionDetail{Description: words, GoOnIfUnchanged: w.r.IntN(2) == 0})
		}},
		{"approve", func() { w.give(domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID}) }},
		{"refuse", func() { w.give(domain.DecideRefuse, domain.DecisionDetail{Reason: "not yet"}) }},
		{"begin", func() { _, _ = w.BeginCutOver(ctx, worker, id) }},
		{"first", func() { w.first = run(domain.RunFirst, w.shadow) }},
		{"finish", func() { _, _ = w.FinishMigration(ctx, worker, contract.FirstSyncDone{AttemptID: id, RunID: w.first}) }},
		{"compensate", func() {
			if w.r.IntN(3) == 0 {
				_, _ = w.CompensateCutOver(ctx, worker, contract.FirstSyncFailed{AttemptID: id, Code: contract.SyncUnavailable})
			}
		}},
		{"dates", func() { _, _ = w.ReadDates(ctx, worker, id) }},
		{"extend", func() {
			if w.r.IntN(3) > 0 {
				d, err := w.GiveDecision(ctx, olga, "", id, domain.DecideExtend, domain.DecisionDetail{Deadline: domain.At(w.now.Add(time.Duration(40+260*w.r.IntN(2)) * day))})
				if err == nil {
					w.given = append(w.given, d.ID)
				}
			}
		}},
		{"apply", w.applyAny},
		{"cancel", func() {
			if w.r.IntN(6) == 0 {
				w.give(domain.DecideCancel, domain.DecisionDetail{})
			}
		}},
		{"clean up", func() { _, _ = w.OpenCleanUp(ctx, worker, id) }},
		{"removed", func() { w.give(domain.DecideCleanUp, domain.DecisionDetail{Removed: true}) }},
		{"rung", func() {
			_ = w.NoteOldApp(ctx, worker, "i", w.verdict(), "")
			_, _ = w.AdvanceCleanUp(ctx, worker, id)
		}},
		{"roll back", func() {
			w.give(domain.DecideRollBack, domain.DecisionDetail{Reason: "no leavers arrive"})
		}},
		{"stop", func() {
			if w.r.IntN(20) == 0 {
				_, _ = w.StopMigration(ctx, worker, id)
			}
		}},
	}
	s := steps[w.r.IntN(len(steps))]
	if likely := natural[w.row().Phase]; len(likely) > 0 && w.r.IntN(2) == 0 {
		name := likely[w.r.IntN(len(likely))]
		for _, each := range steps {
			if each.name == name {
				s = each
			}
		}
	}
	s.do()
	return s.name
}

// natural is what would come next: half of the steps, so that walks get far.
var natural = map[domain.Phase][]string{
	domain.AwaitingConsent:     {"consent", "describe", "apply"},
	domain.ConfirmingConsent:   {"confirm"},
	domain.AwaitingDescription: {"describe", "apply"},
	domain.Proving:             {"shadow", "prove", "prove"},
	domain.AwaitingApproval:    {"approve", "apply", "apply"},
	domain.CuttingOver:         {"begin", "first", "finish", "finish"},
	domain.Migrated:            {"clean up", "removed", "extend", "roll back", "roll back", "apply", "apply"},
	domain.CleanUp:             {"rung", "removed", "apply"},
}

func (w *walk) verdict() migration.OldApp {
	all := []migration.OldApp{migration.OldAppWorks, migration.OldAppWorks, migration.OldAppWorks, migration.OldAppLives, migration.OldAppGone, migration.OldAppUnknown}
	return all[w.r.IntN(len(all))]
}

func (w *walk) give(kind domain.DecisionKind, detail domain.DecisionDetail) {
	if d, err := w.GiveDecision(w.t.Context(), ana, "", w.m.ID, kind, detail); err == nil {
		w.given = append(w.given, d.ID)
	}
}

func (w *walk) applyAny() {
	if len(w.given) == 0 {
		return
	}
	if w.row().Phase.Switched() {
		_ = w.NoteOldApp(w.t.Context(), worker, "i", w.verdict(), "") // the activity asks before it applies
	}
	id := w.given[w.r.IntN(len(w.given))]
	if w.r.IntN(2) == 0 {
		id = w.given[len(w.given)-1]
	}
	_, err := w.ApplyDecision(w.t.Context(), worker, contract.ApplyDecision{AttemptID: w.m.ID, DecisionID: id})
	require.NoError(w.t, err, "a decision is applied or refused, never in error")
}

func (w *walk) tryConsent(id string) {
	if w.row().Phase.Ended() {
		return
	}
	w.consent(id)
}

// sound holds what must be true of rows in every phase and of every move.
func (w *walk) sound(before, after domain.Migration) bool {
	w.t.Helper()
	require.GreaterOrEqual(w.t, after.PhaseSeq, before.PhaseSeq)
	require.LessOrEqual(w.t, after.PhaseSeq, before.PhaseSeq+1, "one step, one phase")
	require.Equal(w.t, after.PhaseSeq != before.PhaseSeq, after.Phase != before.Phase)
	if after.Phase != before.Phase {
		require.True(w.t, migration.MayFollow(before.Phase, after.Phase), "%s → %s", before.Phase, after.Phase)
	}
	require.Equal(w.t, !after.Phase.Ended(), after.Open)
	i := w.integration()
	switch {
	case after.Phase.Switched():
		require.Equal(w.t, domain.BoundConnector, i.Binding)
		require.False(w.t, after.Overdue)
	case after.Phase != domain.CuttingOver:
		require.Equal(w.t, domain.BoundLegacy, i.Binding)
	case after.ApprovedProof == "" || after.ApprovedProof != after.ProofID:
		require.Fail(w.t, "cutting over without an approval")
	}
	require.Equal(w.t, after.Open && !after.Phase.Switched(), i.Frozen)
	if after.Phase.Ended() {
		left := list(w.t, w.world, func(r service.Rows) service.Table[domain.Decision] { return r.Decisions() }, service.By(service.Where{"state": domain.DecisionGiven}))
		require.Empty(w.t, left, "every decision has its answer")
	}
	return true
}
