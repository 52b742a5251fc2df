package service_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// Whatever commands come in whatever order, late, twice or never, for this attempt
// or an earlier one: rows stay what the design says of each phase, and nothing of
// the directory is lost. A failure prints the order that led to it; its seed is
// the name of the test.
func TestNoOrderOfCommandsBreaksAMigration(t *testing.T) {
	seen := map[domain.Phase]int{}
	for seed := range uint64(14) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newMigrationWorld(t)
			if seed%2 == 1 { // a date that no walk comes to
				w.campaignDate(w.now.Add(400 * day))
			}
			w.open()
			r := rand.New(rand.NewPCG(seed, 1))
			walk := &walk{migrationWorld: w, r: r, held: w.mirror(), epoch: w.integration().Epoch}
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
	first    []string // every first synchronization that was begun
	given    []string
	earlier  []domain.Migration // attempts that have ended, as they were then
	held     map[string]bool    // the mirror as it has to be while nothing is switched
	epoch    int64
}

// step tries one command, mostly out of order; what it answers does not matter.
func (w *walk) step() string {
	ctx, id := w.t.Context(), w.m.ID
	if n := len(w.earlier); n > 0 && w.r.IntN(6) == 0 { // a command that comes late
		id = w.earlier[w.r.IntN(n)].ID
	}
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
		{"first", func() {
			if begun := run(domain.RunFirst, w.shadow); begun != "" {
				w.first = append(w.first, begun)
			}
		}},
		{"finish", func() {
			if n := len(w.first); n > 0 {
				_, _ = w.FinishMigration(ctx, worker, contract.FirstSyncDone{AttemptID: id, RunID: w.first[max(0, n-1-w.r.IntN(3))]})
			}
		}},
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
		{"lose", func() {
			if w.r.IntN(4) == 0 {
				w.loseWorkflow()
				_, err := w.HealLost(ctx, worker, "eu")
				require.NoError(w.t, err)
			}
		}},
		{"drift", func() { w.someDay() }},
		{"again", func() {
			if next, err := w.StartMigration(ctx, mika, "i"); err == nil && next.ID != w.m.ID {
				w.earlier, w.m = append(w.earlier, w.row()), next
			}
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
	domain.Cancelled:           {"again"},
	domain.RolledBack:          {"again"},
}

// someDay is what may happen in the directory at any time.
func (w *walk) someDay() {
	if u := fmt.Sprint("u", w.r.IntN(10)); w.dir.users[u] != nil && w.r.IntN(2) == 0 {
		w.dir.leave(u)
	} else {
		w.dir.user(u, fmt.Sprint("Name ", w.r.IntN(3)))
	}
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
	if before.ID == after.ID {
		w.moved(before, after)
	}
	require.Equal(w.t, !after.Phase.Ended(), after.Open)
	i := w.integration()
	require.GreaterOrEqual(w.t, i.Epoch, w.epoch, "the epoch only grows")
	w.epoch = i.Epoch
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
	w.nothingIsLost(after)
	return true
}

func (w *walk) moved(before, after domain.Migration) {
	w.t.Helper()
	most := before.PhaseSeq + 1
	if before.Phase == domain.CuttingOver && after.Phase == domain.Cancelled { // taken back first
		most++
		before.Phase = domain.AwaitingApproval
	}
	require.GreaterOrEqual(w.t, after.PhaseSeq, before.PhaseSeq)
	require.LessOrEqual(w.t, after.PhaseSeq, most, "one step, one phase")
	require.Equal(w.t, after.PhaseSeq != before.PhaseSeq, after.Phase != before.Phase)
	if after.Phase != before.Phase {
		require.True(w.t, migration.MayFollow(before.Phase, after.Phase), "%s → %s", before.Phase, after.Phase)
	}
	for _, m := range w.earlier {
		var now domain.Migration
		require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) { now, err = r.Migrations().Get(m.ID); return err }))
		require.Equal(w.t, []any{m.Phase, m.PhaseSeq, m.Open}, []any{now.Phase, now.PhaseSeq, now.Open}, "what has ended stays as it ended")
	}
}

// nothingIsLost: no round of the ordinary kind is in a walk, so nobody may leave
// the mirror, and until a switch not a name may change in it.
func (w *walk) nothingIsLost(m domain.Migration) {
	w.t.Helper()
	now := w.mirror()
	if !m.Phase.Switched() && m.Phase != domain.CuttingOver {
		require.Equal(w.t, w.held, now)
	}
	ids := map[string]bool{}
	for row := range now {
		ids[idOf(row)] = true
	}
	for row := range w.held {
		require.True(w.t, ids[idOf(row)], "%q is lost", row)
	}
	if m.Phase != domain.CuttingOver { // which may yet be taken back
		w.held = now
	}
}

// idOf is a row of the mirror without the name in it.
func idOf(row string) string {
	if kind, rest, _ := strings.Cut(row, " "); kind == "user" || kind == "group" {
		id, _, _ := strings.Cut(rest, " ")
		return kind + " " + id
	}
	return row
}
