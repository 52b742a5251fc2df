package service

import (
	"context"
	"time"

	"go.uber.org/zap"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/logkey"
)

const (
	// manualPause keeps "Synchronize now" from becoming a schedule.
	manualPause = 5 * time.Minute
	// sweepBatch bounds what one sweep starts; the next one is a minute away.
	sweepBatch = 500
)

// SynchronizeNow asks for a round outside the schedule.
func (s *Service) SynchronizeNow(ctx context.Context, caller domain.Caller, integrationID string) (domain.Integration, error) {
	return Do(ctx, s, caller, "", "synchronize-now", integrationID, func(tx *Tx) (domain.Integration, error) {
		i, err := tx.Rows.Integrations().Get(integrationID)
		if err != nil || !caller.Sees(i.AccountID) {
			return domain.Integration{}, notHere("integration", err)
		}
		if !caller.Has(domain.RoleMigrate, i.AccountID) && !caller.Operator() {
			return domain.Integration{}, domain.Refuse(domain.Forbidden, "role-needed", "Starting a synchronization needs the role to migrate in this account.")
		}
		code, text, err := tx.mayRun(i, domain.RunManual, "")
		if err != nil {
			return domain.Integration{}, err
		}
		if code != "" {
			return domain.Integration{}, domain.Refuse(domain.Conflict, code, "%s", text)
		}
		open, err := tx.Rows.SyncRuns().Count(By(Where{"integration_id": i.ID, "open": true}))
		if err != nil {
			return domain.Integration{}, err
		}
		if open > 0 {
			return domain.Integration{}, domain.Refuse(domain.Conflict, contract.SyncRunOpen, "%s", syncText(contract.SyncRunOpen))
		}
		last, err := tx.Rows.SyncRuns().Find(Query{
			Where: Where{"integration_id": i.ID, "purpose": domain.RunManual, "started_at >": tx.In(-manualPause)}, Order: []string{"-started_at"},
		})
		if err == nil {
			return domain.Integration{}, domain.Refuse(domain.Conflict, "too-soon",
				"A synchronization was started by hand at %s. The next one can be started at %s.",
				last.StartedAt.Format("15:04 UTC"), fullMinute(last.StartedAt.Add(manualPause)).Format("15:04 UTC"))
		}
		if !domain.IsNotFound(err) {
			return domain.Integration{}, err
		}
		if err := tx.startSync(i, domain.RunManual); err != nil {
			return domain.Integration{}, err
		}
		return i, tx.Done(i.AccountID, "synchronize-now", "integration", i.ID, nil)
	})
}

// fullMinute is the first full minute that is no earlier: what is shown without
// seconds must be true.
func fullMinute(t time.Time) time.Time {
	return t.Add(time.Minute - 1).Truncate(time.Minute)
}

// startSync has the engine start the integration's ordinary run. One that is at
// work under the same id is success: there is at most one.
func (t *Tx) startSync(i domain.Integration, purpose domain.Purpose) error {
	account, err := t.Rows.Accounts().Get(i.AccountID)
	if err != nil {
		return err
	}
	return t.Call(domain.CallStart, i.AccountID, contract.DirectorySyncID(i.ID), contract.DirectorySyncWorkflow, domain.NewID(string(purpose)),
		contract.DirectorySyncInput{IntegrationID: i.ID, AccountID: i.AccountID, Region: account.Region, Purpose: purpose})
}

// StartDueRuns starts the rounds of a region that are due, each in a command of
// its own, and puts every integration's next one ahead. An integration that may
// not synchronize is told so without starting anything. A fault with one does
// not keep the others.
func (s *Service) StartDueRuns(ctx context.Context, caller domain.Caller, region string) (started int, err error) {
	var due []string
	err = s.Read(ctx, caller, func(tx *Tx) error {
		accounts, err := tx.Rows.Accounts().List(By(Where{"region": region}))
		if err != nil {
			return err
		}
		ids := make([]string, 0, len(accounts))
		for _, a := range accounts {
			ids = append(ids, a.ID)
		}
		found, err := tx.Rows.Integrations().List(Query{
			Where: Where{"account_id": ids, "next_due_at >": domain.Instant{}, "next_due_at <=": tx.At()}, Order: []string{"next_due_at", "id"}, Limit: sweepBatch,
		})
		for _, i := range found {
			due = append(due, i.ID)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, id := range due {
		if err := ctx.Err(); err != nil {
			return started, err
		}
		yes, err := s.startDueRun(ctx, caller, id)
		if domain.KindOf(err) == domain.Unavailable {
			return started, err
		}
		if err != nil {
			s.logFor(ctx).Error("a due synchronization could not be started; the sweep goes on with the others", zap.String(logkey.Integration, id), zap.Error(err))
			continue
		}
		if yes {
			started++
		}
	}
	return started, nil
}

func (s *Service) startDueRun(ctx context.Context, caller domain.Caller, integrationID string) (bool, error) {
	return Do(ctx, s, caller, "", "start-due-run", integrationID, func(tx *Tx) (bool, error) {
		i, err := tx.Rows.Integrations().Get(integrationID)
		if err != nil || !i.NextDueAt.Due(tx.Now) {
			return false, err
		}
		code, text, err := tx.mayRun(i, domain.RunScheduled, "")
		if err != nil {
			return false, err
		}
		if code != "" {
			return false, tx.refuseRun(i, domain.RunScheduled, code, text)
		}
		if err := tx.tellSecretEnd(i); err != nil {
			return false, err
		}
		open, err := optional(tx.Rows.SyncRuns().Find(By(Where{"integration_id": i.ID, "open": true})))
		if err != nil {
			return false, err
		}
		tx.dueAfter(&i)
		if err := tx.Rows.Integrations().Update(&i); err != nil {
			return false, err
		}
		// An ordinary run that is open is no reason against: either its workflow is
		// at work and this start changes nothing, or it was lost and is followed up.
		if open.MigrationID != "" && tx.Now.Sub(open.UpdatedAt.Time) < abandonedAfter {
			return false, nil
		}
		return true, tx.startSync(i, domain.RunScheduled)
	})
}

// DirectoryPage is a part of what we hold of a directory.
type DirectoryPage struct {
	Objects     []dirsync.Object
	Memberships []dirsync.StagedEdge
}

// ReadDirectory pages through an integration's mirror in the order of keys:
// users or groups after an id, or memberships after a pair of ids.
func (s *Service) ReadDirectory(ctx context.Context, caller domain.Caller, integrationID, kind string, after dirsync.Edge, limit int) (DirectoryPage, error) {
	page := DirectoryPage{}
	err := s.Read(ctx, caller, func(tx *Tx) error {
		i, err := tx.Rows.Integrations().Get(integrationID)
		if err != nil || !caller.Sees(i.AccountID) {
			return notHere("integration", err)
		}
		limit = min(max(limit, 1), sliceOperations)
		switch kind {
		case string(dirsync.Users), string(dirsync.Groups):
			page.Objects, err = tx.Mirror().Objects(i.ID, dirsync.Stream(kind), after.GroupID, limit)
		case "memberships":
			page.Memberships, err = tx.Mirror().Edges(i.ID, after, limit)
		default:
			err = domain.InvalidField("kind", "Kind is one of users, groups, memberships")
		}
		return err
	})
	return page, err
}
