package service_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

// planted are personal data and secrets of the account "a"; none may be anywhere
// once it was deleted.
var planted = []string{
	"Contoso", "contoso.example", "Planted Person", "person@planted.example", "+49 planted", "terces-detnalp", "Planted Contact", "planted free text",
	"Planted Viewer", "planted-subject", "Planted Group", "planted token", "planted invitation", "planted reason", "planted-link", words,
}

// kept belongs to another account and to the vendor and must survive.
var kept = []string{"Fabrikam", "Kept Person", "Kept Both"}

func in(all map[string][]string, what string) (where []string) {
	for table, rows := range all {
		for _, row := range rows {
			if strings.Contains(row, what) {
				where = append(where, table)
			}
		}
	}
	slices.Sort(where)
	return slices.Compact(where)
}

// leavingWorld is an account that has migrated and holds something of everything
// in every table.
func leavingWorld(t *testing.T, e storetest.Engine, to domain.Phase) *migrationWorld {
	t.Helper()
	storetest.UseFor(t, e)
	w := newMigrationWorld(t)
	w.short(w.store)
	w.dir.user("u9", "Planted Person")
	w.dir.users["u9"]["mail"], w.dir.users["u9"]["userPrincipalName"] = "person@planted.example", "person@planted.example"
	w.dir.users["u9"]["mobilePhone"] = "+49 planted"
	w.dir.group("g9", "u9")
	w.dir.groups["g9"]["displayName"] = "Planted Group"
	w.reach(to)
	at := domain.At(w.now)
	w.write(func(r service.Rows) error {
		i, err := r.Integrations().Get("i")
		if err != nil {
			return err
		}
		i.TenantDomain, i.ConditionText = "contoso.example", "planted free text"
		for _, err := range []error{
			r.Integrations().Update(&i),
			r.Secrets().Insert(&domain.Secret{ID: "sec_planted", Sealed: []byte("terces-detnalp"), CreatedAt: at}),
			r.Integrations().Insert(&domain.Integration{ID: "i2", AccountID: "a", Name: "Contoso second", TenantID: "tenant2", Product: domain.ProductDirectorySync, Binding: domain.BoundLegacy, Epoch: 1, Condition: domain.ConditionOK, NextDueAt: at}),
			r.LegacyApps().Insert(&domain.LegacyApp{ID: "i2", ClientID: "c2", Name: "Contoso app", SecretRef: "sec_planted"}),
			r.Contacts().Insert(&domain.Contact{ID: "con_1", AccountID: "a", Name: "Planted Contact", Email: "person@planted.example"}),
			r.Accounts().Insert(&domain.Account{ID: "b", Name: "Fabrikam", Region: "eu"}),
			r.Integrations().Insert(&domain.Integration{ID: "ib", AccountID: "b", Name: "Fabrikam", TenantID: "tenant-b", Binding: domain.BoundLegacy, Epoch: 1, Condition: domain.ConditionOK}),
			r.People().Insert(
				&domain.Person{ID: "per_vera", Issuer: "idp", Subject: "planted-subject", Name: "Planted Viewer"},
				&domain.Person{ID: "per_eve", Issuer: "idp", Subject: "eve", Name: "Kept Person"}, &domain.Person{ID: "per_both", Issuer: "idp", Subject: "both", Name: "Kept Both"}),
			r.Grants().Insert(
				&domain.Grant{ID: "g1", PersonID: "per_vera", AccountID: "a", Role: domain.RoleView}, &domain.Grant{ID: "g2", PersonID: "per_eve", AccountID: "b", Role: domain.RoleApprove},
				&domain.Grant{ID: "g3", PersonID: "per_both", AccountID: "a", Role: domain.RoleApprove}, &domain.Grant{ID: "g4", PersonID: "per_both", AccountID: "b", Role: domain.RoleView}),
			r.Sessions().Insert(&domain.Session{ID: "s1", PersonID: "per_vera", ExpiresAt: domain.At(w.now.AddDate(1, 0, 0))}, &domain.Session{ID: "s2", PersonID: "per_eve"}),
			r.Tokens().Insert(&domain.Token{ID: "tok_a", Digest: "d1", Name: "planted token", AccountID: "a", Role: domain.RoleView, CreatedBy: "per_vera"}),
			r.Invitations().Insert(&domain.Invitation{ID: "inv_a", Digest: "d2", Name: "planted invitation", AccountID: "a", Role: domain.RoleView, InvitedBy: "per_both"}),
			r.TenantUses().Insert(&domain.TenantUse{ID: "tenant/a", TenantID: "tenant", AccountID: "a", Reason: "planted reason"}),
			r.Holds().Insert(&domain.Hold{ID: "hld", AccountID: "a", IntegrationID: "i", Reason: "planted reason", State: "held"}),
			r.ConsentSessions().Insert(&domain.ConsentSession{ID: "cs_open", AccountID: "a", MigrationID: w.m.ID, Outcome: domain.ConsentOpen, Text: "planted free text"}),
			r.ConsentSessions().Insert(&domain.ConsentSession{ID: "cs_old", AccountID: "a", MigrationID: w.m.ID, Outcome: domain.ConsentRefused, Text: "planted free text"}),
			r.Mirror().PutLink("i2", dirsync.Users, "c2", "https://graph/planted-link"),
			r.Mirror().KeepBefore("mig_x", "i2", dirsync.Users, []service.MirrorPut{{Staged: dirsync.Staged{ID: "u9"}, Held: &dirsync.Object{ID: "u9", Data: []byte(`{"displayName":"Planted Person"}`)}}}),
			r.Mirror().Put("ib", dirsync.Users, []dirsync.Object{{ID: "k", Name: "Kept Person", Data: []byte(`{}`)}}),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	return w
}

// short gives the world a service whose deletions take small batches.
func (w *migrationWorld) short(s service.Store) {
	w.Service = service.New(service.Deps{
		Store: s, Engine: w.door, Keeper: plainKeeper{}, Now: func() time.Time { return w.now }, Log: zap.NewNop(),
		Leaving: service.Leaving{Wait: 24 * time.Hour, EvidenceFor: 100 * 24 * time.Hour, Batch: 3},
	})
}

// erase runs the step to its end, over whatever fails on the way.
func (w *migrationWorld) erase() (steps int) {
	w.t.Helper()
	for ; steps < 2000; steps++ {
		step, err := w.EraseNext(w.t.Context(), worker, "eu")
		if err == nil && !step.More {
			return steps
		}
	}
	require.Fail(w.t, "the deletion does not end")
	return steps
}

func TestADeletedAccountLeavesNothingOfItsPeople(t *testing.T) {
	storetest.Each(t, func(t *testing.T, e storetest.Engine) {
		t.Helper()
		w := leavingWorld(t, e, domain.Migrated)
		before := storetest.Dump(t, w.store)
		for _, what := range append(slices.Clone(planted), kept...) {
			require.NotEmpty(t, in(before, what), "%q has to be found before", what)
		}
		d, err := w.RequestDeletion(t.Context(), ana, "a", "Contoso")
		require.NoError(t, err)
		require.Equal(t, w.now.Add(24*time.Hour), d.DueAt.Time)
		w.erase()
		require.Len(t, storetest.Dump(t, w.store)["mirror_users"], len(before["mirror_users"]), "nothing goes before its date")

		w.now = d.DueAt.Time
		step, err := w.EraseNext(t.Context(), worker, "us")
		require.NoError(t, err)
		require.False(t, step.More, "another region's sweep has no part in it")
		w.door.taken = nil
		w.erase()
		after := storetest.Dump(t, w.store)
		for _, what := range planted {
			require.Empty(t, in(after, what), "%q", what)
		}
		for _, what := range kept {
			require.NotEmpty(t, in(after, what), "%q belongs to somebody else", what)
		}
		require.Len(t, w.door.taken, 1, "the workflow of the way back is told to end")
		require.Equal(t, domain.CallCancel, w.door.taken[0].Kind)
		stop, err := w.StopMigration(t.Context(), worker, w.m.ID)
		require.NoError(t, err)
		require.Equal(t, domain.Closed, stop.Phase)

		d, err = w.Deletion(t.Context(), olga, "a")
		require.NoError(t, err)
		require.Equal(t, domain.DeletionDone, d.State)
		require.Equal(t, 2, w.audited("delete-account"), "said in the account's own audit and in the vendor's")
		require.EqualValues(t, 8, d.Deleted["users"])
		require.EqualValues(t, 3, d.Deleted["groups"])
		require.EqualValues(t, 2, d.Deleted["integrations"])
		require.EqualValues(t, 1, d.Deleted["people"])
		require.EqualValues(t, 2, d.Deleted["secrets"])
		require.Len(t, d.Kept, 1)
		again, err := w.Deletion(t.Context(), olga, "a")
		require.NoError(t, err)
		require.Equal(t, d, again)
		w.chainsHold()
	})
}

// chainsHold checks every chain of the audit from its first entry.
func (w *migrationWorld) chainsHold() {
	w.t.Helper()
	check := service.NewAuditCheck(w.Service)
	for last := int64(-1); ; {
		breaks, seq, err := check.Next(w.t.Context())
		require.NoError(w.t, err)
		require.Zero(w.t, breaks)
		if seq == last {
			return
		}
		last = seq
	}
}

// killed fails one write in three before its commit and one in three behind it.
type killed struct {
	service.Store
	n int
}

func (k *killed) Write(ctx context.Context, fn func(service.Rows) error) error {
	gone := &domain.Error{Kind: domain.Unavailable, Code: "store-unavailable", Message: "the worker was killed"}
	switch k.n++; k.n % 3 {
	case 1:
		return k.Store.Write(ctx, func(r service.Rows) error {
			if err := fn(r); err != nil {
				return err
			}
			return gone
		})
	case 2:
		if err := k.Store.Write(ctx, fn); err != nil {
			return err
		}
		return gone
	}
	return k.Store.Write(ctx, fn)
}

func TestADeletionKilledBetweenAnyTwoBatchesGoesOn(t *testing.T) {
	counts := map[bool]map[string]int{}
	receipts := map[bool]map[string]int64{}
	for _, kill := range []bool{false, true} {
		w := leavingWorld(t, storetest.SQLite, domain.Migrated)
		d, err := w.RequestDeletion(t.Context(), olga, "a", "Contoso")
		require.NoError(t, err)
		w.now = d.DueAt.Time
		if kill {
			w.short(&killed{Store: w.store})
		}
		require.Greater(t, w.erase(), 15)
		w.short(w.store)
		d, err = w.Deletion(t.Context(), olga, "a")
		require.NoError(t, err)
		receipts[kill], counts[kill] = d.Deleted, map[string]int{}
		for table, rows := range storetest.Dump(t, w.store) {
			counts[kill][table] = len(rows)
		}
		w.chainsHold()
	}
	require.Equal(t, receipts[false], receipts[true])
	require.Equal(t, counts[false], counts[true])
}

// However large an account is: no step of its deletion, nor of the purge of its
// evidence and audit, touches more than a few rows for each of its batch.
func TestEveryStepOfADeletionIsSmall(t *testing.T) {
	w := leavingWorld(t, storetest.SQLite, domain.Migrated)
	w.write(func(r service.Rows) error {
		at := domain.At(w.now)
		for n := range 14 {
			id := fmt.Sprint("many", n)
			for _, err := range []error{
				r.Integrations().Insert(&domain.Integration{ID: id, AccountID: "a", Name: id, TenantID: id, Binding: domain.BoundLegacy, Epoch: 1, Condition: domain.ConditionOK}),
				r.Secrets().Insert(&domain.Secret{ID: id}), r.LegacyApps().Insert(&domain.LegacyApp{ID: id, SecretRef: id}),
				r.Migrations().Insert(&domain.Migration{ID: id, AccountID: "a", IntegrationID: id, Phase: domain.CleanUp, Open: true}),
				r.Snapshots().Insert(&domain.CutOverSnapshot{ID: id, IntegrationID: id}),
				r.Connectors().Insert(&domain.Connector{ID: id, AccountID: "a", TenantID: id, Name: id, Product: "other"}),
				r.ConsentSessions().Insert(&domain.ConsentSession{ID: id, AccountID: "a", ConnectorID: id, Outcome: domain.ConsentOpen}, &domain.ConsentSession{ID: id + "x", AccountID: "a", ConnectorID: "none", Outcome: domain.ConsentRefused}),
				r.SyncRuns().Insert(&domain.SyncRun{ID: id, AccountID: "a", IntegrationID: id, State: domain.RunReading, Open: true}),
				r.People().Insert(&domain.Person{ID: id, Issuer: "idp", Subject: id}), r.Grants().Insert(&domain.Grant{ID: id, PersonID: id, AccountID: "a", Role: domain.RoleView}),
				r.Sessions().Insert(&domain.Session{ID: id, PersonID: id}), r.Tokens().Insert(&domain.Token{ID: id, Digest: id, AccountID: "a"}),
				r.Invitations().Insert(&domain.Invitation{ID: id, Digest: id, AccountID: "a"}), r.Contacts().Insert(&domain.Contact{ID: id, AccountID: "a"}),
				r.TenantUses().Insert(&domain.TenantUse{ID: id, AccountID: "a"}), r.EngineCalls().Insert(&domain.EngineCall{ID: id, AccountID: "a", Target: id, State: "waiting", NextAt: at}),
				r.Mirror().StageEdges(id, []dirsync.StagedEdge{{Edge: dirsync.Edge{GroupID: "g", MemberID: "1"}}, {Edge: dirsync.Edge{GroupID: "g", MemberID: "2"}}}),
			} {
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	d, err := w.RequestDeletion(t.Context(), ana, "a", "Contoso")
	require.NoError(t, err)
	const few = 18 // rows a batch of three may touch: each with what belongs to it, and the account of it
	for purge, due := range []func() time.Time{func() time.Time { return d.DueAt.Time }, func() time.Time {
		d, err := w.Deletion(t.Context(), olga, "a")
		require.NoError(t, err)
		return d.EvidenceUntil.Time
	}} {
		w.now = due()
		before := storetest.Dump(t, w.store)
		for more := true; more; {
			step, err := w.EraseNext(t.Context(), worker, "eu")
			require.NoError(t, err)
			more = step.More
			after := storetest.Dump(t, w.store)
			require.LessOrEqual(t, touched(before, after), few)
			before = after
			if purge > 0 {
				w.chainsHold() // also of one that is half purged
			}
		}
	}
	require.Empty(t, list(t, w.world, audit, service.By(service.Where{"chain": "a"})))
	left := storetest.Dump(t, w.store)
	for _, table := range []string{"connectors", "consent_sessions", "migrations", "cut_over_snapshots", "sync_runs", "stage_members", "secrets"} {
		require.Empty(t, left[table], table)
	}
	for _, table := range []string{"people", "sessions", "legacy_apps"} {
		require.NotContains(t, fmt.Sprint(left[table]), "many", table)
	}
	for _, c := range list(t, w.world, func(r service.Rows) service.Table[domain.EngineCall] { return r.EngineCalls() }, service.Query{}) {
		require.Empty(t, c.AccountID)
	}
}

// touched counts the rows that are new, gone or changed.
func touched(before, after map[string][]string) (n int) {
	for table := range after {
		was := map[string]int{}
		for _, row := range before[table] {
			was[row]++
		}
		is := 0
		for _, row := range after[table] {
			if was[row] > 0 {
				was[row]--
				is++
			}
		}
		n += max(len(before[table]), len(after[table])) - is
	}
	return n
}

func TestARequestCanBeWithdrawnUntilItsDate(t *testing.T) {
	w := leavingWorld(t, storetest.SQLite, domain.Migrated)
	ctx := t.Context()
	for _, who := range []domain.Caller{vera, mika} {
		_, err := w.RequestDeletion(ctx, who, "a", "Contoso")
		require.Equal(t, "role-needed", codeOf(t, err))
	}
	_, err := w.RequestDeletion(ctx, eve, "a", "Contoso")
	require.True(t, domain.IsNotFound(err))
	_, err = w.RequestDeletion(ctx, ana, "a", "Fabrikam")
	require.Equal(t, "invalid-name", codeOf(t, err))
	_, err = w.WithdrawDeletion(ctx, ana, "a")
	require.True(t, domain.IsNotFound(err))

	first, err := w.RequestDeletion(ctx, ana, "a", "Contoso")
	require.NoError(t, err)
	w.now = w.now.Add(time.Hour)
	again, err := w.RequestDeletion(ctx, olga, "a", "Contoso")
	require.NoError(t, err)
	require.Equal(t, first, again, "asking again does not move the date")
	_, err = w.StartMigration(ctx, mika, "i2")
	require.Equal(t, "account-leaves", codeOf(t, err))
	gone, err := w.WithdrawDeletion(ctx, olga, "a")
	require.NoError(t, err)
	require.Equal(t, domain.DeletionWithdrawn, gone.State)
	require.Contains(t, w.said("account-leaves"), "can withdraw it")
	require.Contains(t, w.said("account-stays"), "Nothing was deleted")
	w.now = first.DueAt.Add(time.Hour)
	w.erase()
	require.NotEmpty(t, in(storetest.Dump(t, w.store), "Planted Person"), "withdrawn is withdrawn")

	last, err := w.RequestDeletion(ctx, ana, "a", "Contoso")
	require.NoError(t, err)
	w.now = last.DueAt.Time
	_, err = w.WithdrawDeletion(ctx, ana, "a")
	require.Equal(t, domain.Gone, domain.KindOf(err))
}

func TestAnOpenMigrationKeepsTheAccount(t *testing.T) {
	w := leavingWorld(t, storetest.SQLite, domain.AwaitingApproval)
	_, err := w.RequestDeletion(t.Context(), ana, "a", "Contoso")
	require.Equal(t, "migration-open", codeOf(t, err))
	require.ErrorContains(t, err, "Contoso is open")
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	_, err = w.RequestDeletion(t.Context(), ana, "a", "Contoso")
	require.NoError(t, err)
}

// What arrives for an account after its date finds nothing, at whatever batch the
// deletion is.
func TestWhatComesLateChangesNothing(t *testing.T) {
	w := leavingWorld(t, storetest.SQLite, domain.Migrated)
	ctx := t.Context()
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	require.False(t, start.Refused, start.Code)
	p, err := w.ReadingOf(ctx, worker, start.RunID)
	require.NoError(t, err)
	w.write(func(r service.Rows) error {
		return r.ConsentSessions().Insert(&domain.ConsentSession{ID: "cs_asked", AccountID: "a", MigrationID: w.m.ID, Outcome: domain.ConsentRefused, NextCheckAt: domain.At(w.now)})
	})
	d, err := w.RequestDeletion(ctx, ana, "a", "Contoso")
	require.NoError(t, err)
	w.now = d.DueAt.Time
	late := func() {
		page, err := dirsync.DecodePage(p.Stream, w.dir.page(t, p.Stream, p.Link))
		require.NoError(t, err)
		next, err := w.StagePage(ctx, worker, start.RunID, p.Link, page)
		require.True(t, domain.IsNotFound(err) || (err == nil && next.Ended), "%v", err)
		slice, err := w.ApplySlice(ctx, worker, start.RunID)
		require.True(t, domain.IsNotFound(err) || (err == nil && !slice.More && slice.Result.State == domain.RunStopped), "%v", err)
		w.n++
		begun, err := w.BeginRun(ctx, worker, contract.BeginRun{Key: fmt.Sprint("late", w.n), Input: contract.DirectorySyncInput{IntegrationID: "i", Purpose: domain.RunScheduled}})
		require.True(t, err != nil || begun.Refused)
		for _, err := range []error{
			second(w.GiveDecision(ctx, ana, "", w.m.ID, domain.DecideRollBack, regret)), second(w.GrantConsent(ctx, mika, w.m.ID, "cs_open")),
			second(w.BeginReconnect(ctx, mika, d.ID)), second(w.RequestDeletion(ctx, olga, "a", "Contoso")), second(w.WithdrawDeletion(ctx, olga, "a")),
			second(w.InvitePerson(ctx, olga, service.PersonOrder{Issuer: "i", Subject: "s", Name: "late", AccountID: "a", Role: domain.RoleView})),
			second(w.ImportInventory(ctx, olga, "", service.Inventory{Accounts: []service.InventoryAccount{{ID: "a", Name: "Contoso", Region: "eu", TimeZone: "UTC"}}})),
		} {
			require.Contains(t, []domain.Kind{domain.NotFound, domain.Gone, domain.Invalid}, domain.KindOf(err), "%v", err)
		}
		_, err = w.StartDueRuns(ctx, worker, "eu")
		require.NoError(t, err)
		_, err = w.ApprovalsToLookFor(ctx, worker, "eu")
		require.NoError(t, err, "a sweep comes to the rest of the deletion")
	}
	for range 2000 {
		step, err := w.EraseNext(ctx, worker, "eu")
		require.NoError(t, err)
		late()
		if !step.More {
			break
		}
	}
	for _, what := range planted {
		require.Empty(t, in(storetest.Dump(t, w.store), what), "%q", what)
	}
	w.chainsHold()
}

func second[T any](_ T, err error) error { return err }

func TestEvidenceGoesWhenItsTimeIsOver(t *testing.T) {
	storetest.Each(t, func(t *testing.T, e storetest.Engine) {
		t.Helper()
		w := leavingWorld(t, e, domain.Migrated)
		d, err := w.RequestDeletion(t.Context(), ana, "a", "Contoso")
		require.NoError(t, err)
		w.now = d.DueAt.Time
		w.erase()
		d, err = w.Deletion(t.Context(), olga, "a")
		require.NoError(t, err)
		c := w.connector()
		require.NotEmpty(t, c.ConsentedBy, "the evidence names who consented, by an id")
		require.Empty(t, c.Name+c.Description)
		proof := list(t, w.world, func(r service.Rows) service.Table[domain.ConsentSession] { return r.ConsentSessions() }, service.Query{})
		require.Len(t, proof, 1, "and of all sessions the one that proves it is kept")
		require.Equal(t, c.ConsentSessionID, proof[0].ID)
		chain := list(t, w.world, audit, service.By(service.Where{"chain": "a"}))
		require.NotEmpty(t, chain)

		w.now = d.EvidenceUntil.Add(-time.Second)
		w.erase()
		require.Len(t, list(t, w.world, audit, service.By(service.Where{"chain": "a"})), len(chain))
		w.now = d.EvidenceUntil.Time
		w.erase()
		after := storetest.Dump(t, w.store)
		require.Empty(t, after["connectors"])
		require.Empty(t, after["consent_sessions"])
		require.Empty(t, list(t, w.world, audit, service.By(service.Where{"chain": "a"})))
		checkpoint := list(t, w.world, audit, service.By(service.Where{"action": "purge-audit"}))
		require.Len(t, checkpoint, 1)
		last := chain[len(chain)-1]
		require.Equal(t, map[string]string{"entries": fmt.Sprint(last.ChainSeq), "last": last.Hash}, checkpoint[0].Detail)
		w.chainsHold()
		due, err := w.ErasuresDue(t.Context(), worker, "eu")
		require.NoError(t, err)
		require.Zero(t, due)
	})
}

// A connector that was let go before its account keeps the date that its receipt
// named.
func TestADisconnectedConnectorKeepsItsOwnDate(t *testing.T) {
	w := leavingWorld(t, storetest.SQLite, domain.Migrated)
	own := domain.At(w.now.Add(500 * 24 * time.Hour))
	w.write(func(r service.Rows) error {
		return r.Connectors().Insert(&domain.Connector{ID: "conn_gone", AccountID: "a", TenantID: "tenant", Product: "another", Name: "Contoso old", DisconnectedAt: domain.At(w.now), EvidenceUntil: own})
	})
	d, err := w.RequestDeletion(t.Context(), ana, "a", "Contoso")
	require.NoError(t, err)
	w.now = d.DueAt.Time
	w.erase()
	d, err = w.Deletion(t.Context(), olga, "a")
	require.NoError(t, err)
	require.Len(t, d.Kept, 2)
	for _, k := range d.Kept {
		require.Equal(t, k.ConnectorID == "conn_gone", k.Until.Equal(own.Time))
	}
}
