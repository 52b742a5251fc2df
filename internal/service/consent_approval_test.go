package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// However many sessions of other regions wait, whose sweep may stand still, and
// whatever a deletion has left of its own: a region finds its sessions.
func TestARegionFindsItsOwnApprovals(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	waits := func(id, migration string, due time.Duration) *domain.ConsentSession {
		return &domain.ConsentSession{ID: id, MigrationID: migration, TenantID: "tenant", CellID: "cell", Outcome: domain.ConsentRefused, NextCheckAt: domain.At(w.now.Add(due))}
	}
	w.write(func(r service.Rows) error {
		if err := r.Migrations().Insert(&domain.Migration{ID: "far", IntegrationID: "far", Region: "us", Phase: domain.AwaitingConsent, Open: true}); err != nil {
			return err
		}
		for n := range 300 {
			if err := r.ConsentSessions().Insert(waits(fmt.Sprint("us", n), "far", -time.Hour)); err != nil {
				return err
			}
		}
		return r.ConsentSessions().Insert(waits("cs_left", "deleted", -time.Hour), waits("cs_here", w.m.ID, 0), waits("cs_later", w.m.ID, time.Second))
	})
	due, err := w.ApprovalsToLookFor(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Equal(t, []service.ApprovalCheck{{SessionID: "cs_here", IntegrationID: "i", TenantID: "tenant", CellID: "cell"}}, due)
	due, err = w.ApprovalsToLookFor(t.Context(), worker, "us")
	require.NoError(t, err)
	require.Len(t, due, 200, "a sweep's share")
}

// What comes of looking is held against how the session stands then.
func TestAnApprovalIsTakenOnceAndOnlyWhereItIsWaitedFor(t *testing.T) {
	take := func(w *migrationWorld) (bool, domain.ConsentSession) {
		taken, err := w.TakeApproval(t.Context(), worker, service.Approval{SessionID: "cs_asked", Consented: true, LegacySecretWorks: true})
		require.NoError(t, err)
		found := list(t, w.world, func(r service.Rows) service.Table[domain.ConsentSession] { return r.ConsentSessions() }, service.By(service.Where{"id": "cs_asked"}))
		return taken, found[0]
	}
	world := func(p domain.Phase, due domain.Instant) *migrationWorld {
		w := newMigrationWorld(t)
		w.change(func(i *domain.Integration) { i.TenantID = tenantID })
		w.reach(p)
		w.write(func(r service.Rows) error {
			return r.ConsentSessions().Insert(
				&domain.ConsentSession{ID: "cs_asked", AccountID: "a", MigrationID: w.m.ID, TenantID: tenantID, CellID: "cell", Outcome: domain.ConsentRefused, CreatedAt: domain.At(w.now), NextCheckAt: due},
				&domain.ConsentSession{ID: "cs_left", AccountID: "a", MigrationID: w.m.ID, TenantID: tenantID, CellID: "cell", Outcome: domain.ConsentOpen, StateExpiresAt: domain.At(w.now.Add(-time.Minute))})
		})
		return w
	}
	w := world(domain.AwaitingConsent, domain.Instant{})
	taken, _ := take(w)
	require.False(t, taken, "nobody looks for it any more")
	require.Equal(t, domain.AwaitingConsent, w.row().Phase)

	w = world(domain.AwaitingDescription, domain.At(w.now))
	before := w.row()
	taken, cs := take(w)
	require.False(t, taken, "the migration has its consent already")
	require.Equal(t, []any{domain.ConsentRefused, domain.Instant{}}, []any{cs.Outcome, cs.NextCheckAt})
	require.Equal(t, before, w.row())

	w = world(domain.AwaitingConsent, domain.At(w.now))
	taken, cs = take(w)
	require.True(t, taken)
	require.Equal(t, []any{domain.ConsentVerified, domain.Instant{}}, []any{cs.Outcome, cs.NextCheckAt})
	require.Equal(t, domain.ConfirmingConsent, w.row().Phase)
	left := list(t, w.world, func(r service.Rows) service.Table[domain.ConsentSession] { return r.ConsentSessions() }, service.By(service.Where{"outcome": domain.ConsentOpen}))
	require.Empty(t, left, "what somebody else had begun ends with it")
	taken, _ = take(w)
	require.False(t, taken, "once")
}

// Somebody who presses Cancel and somebody who asks the reviewers come back from
// Microsoft alike. A consent from before is no answer to either.
func TestARefusalIsNotOverruledByAConsentFromBefore(t *testing.T) {
	absent, present, unanswered := service.Approval{}, service.Approval{Consented: true, LegacySecretWorks: true}, service.Approval{NoAnswer: true}
	for name, c := range map[string]struct {
		looks []service.Approval
		taken bool
	}{
		"it was there":                  {looks: []service.Approval{present, present}},
		"it was there, at a later look": {looks: []service.Approval{unanswered, present, present}},
		"the reviewers gave it":         {looks: []service.Approval{absent, present}, taken: true},
		"the reviewers took their time": {looks: []service.Approval{unanswered, absent, unanswered, present}, taken: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMigrationWorld(t)
			w.change(func(i *domain.Integration) { i.TenantID = tenantID })
			w.reach(domain.AwaitingConsent)
			w.write(func(r service.Rows) error {
				return r.ConsentSessions().Insert(&domain.ConsentSession{
					ID: "cs_asked", AccountID: "a", MigrationID: w.m.ID, TenantID: tenantID, CellID: "cell", Outcome: domain.ConsentRefused, Code: "declined", CreatedAt: domain.At(w.now), NextCheckAt: domain.At(w.now),
				})
			})
			var taken bool
			for _, look := range c.looks {
				look.SessionID = "cs_asked"
				var err error
				taken, err = w.TakeApproval(t.Context(), worker, look)
				require.NoError(t, err)
				w.now = w.now.Add(time.Hour)
			}
			require.Equal(t, c.taken, taken)
			cs := list(t, w.world, func(r service.Rows) service.Table[domain.ConsentSession] { return r.ConsentSessions() }, service.By(service.Where{"id": "cs_asked"}))[0]
			require.Zero(t, cs.NextCheckAt, "nobody looks for it any more")
			if c.taken {
				require.Equal(t, domain.ConfirmingConsent, w.row().Phase)
				return
			}
			require.Equal(t, domain.AwaitingConsent, w.row().Phase)
			require.Equal(t, "declined", w.row().ConsentCode)
			require.Contains(t, w.row().ConsentText, "does not count by itself")
		})
	}
}

const tenantID = "11111111-2222-3333-4444-555555555555"

// Consent that was begun in time keeps its grace, however often it is begun again
// after the date.
func TestBeginningAgainAfterTheDateKeepsTheGrace(t *testing.T) {
	for name, begun := range map[string]time.Duration{"in time": -time.Minute, "at the date": 0} {
		t.Run(name, func(t *testing.T) {
			w := newMigrationWorld(t)
			w.open()
			w.write(func(r service.Rows) error {
				return r.Credentials().Insert(&domain.Credential{ID: "crd", CellID: "cell", State: domain.CredentialActive, ActivatedAt: domain.At(w.now)})
			})
			date := w.campaign().Terms.Deadline
			for _, at := range []time.Duration{begun, time.Hour} {
				w.now = date.Add(at)
				_, err := w.BeginConsent(t.Context(), mika, w.m.ID)
				require.NoError(t, err)
			}
			w.now = date.Add(47 * time.Hour)
			require.Equal(t, begun == 0, w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled}).Refused)
			w.now = date.Add(48 * time.Hour)
			require.True(t, w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled}).Refused)
		})
	}
}
