package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/logkey"
	"consentry/internal/service"
)

// Sync reads directories and applies what was read to the mirror. Nothing of a
// directory travels through the engine: pages go from Microsoft into the staging
// and the answers are counts.
type Sync struct {
	Service   *service.Service
	Directory DirectoryReader
	Now       func() time.Time
	// PagesPerSlice bounds one reading activity; zero means 500.
	PagesPerSlice int
}

// DirectoryAccess says as whom a directory is read: as the cell's app where
// CellID is set, else as the integration's legacy app.
type DirectoryAccess struct {
	TenantID      string
	CellID        string
	IntegrationID string
}

// DirectoryReader gives one raw page of a delta query. An empty link asks for
// the first page of everything. A refusal of Microsoft tells its kind (fault).
type DirectoryReader interface {
	Page(ctx context.Context, access DirectoryAccess, stream dirsync.Stream, link string) ([]byte, error)
}

const (
	// sliceTime ends a reading activity in good time, so that a worker that is
	// replaced, or a run that was closed, never waits for a whole directory.
	sliceTime     = 5 * time.Minute
	slicePages    = 500
	heartbeatTime = 10 * time.Second
	// rowRetry is how long a migration's run waits for the row of another one.
	rowRetry = 5 * time.Second
)

// ServiceBeginRun gives a run its row, or the rule that refuses it. A run of a
// migration waits for a row that is taken, because its migration has nothing
// else to do.
func (a *Sync) ServiceBeginRun(ctx context.Context, in contract.BeginRun) (contract.RunStart, error) {
	start, err := a.Service.BeginRun(ctx, worker, in)
	if err != nil {
		return contract.RunStart{}, syncCommandFault(err)
	}
	if start.Refused && start.Code == contract.SyncRunOpen && in.Input.AttemptID != "" {
		return contract.RunStart{}, temporal.NewApplicationErrorWithOptions("another run of the integration is at work", contract.ErrRunOpen,
			temporal.ApplicationErrorOptions{NextRetryDelay: rowRetry, Category: temporal.ApplicationErrorCategoryBenign})
	}
	return start, nil
}

// GraphReadRound reads pages, users and then groups, into the run's staging, from
// where the staging stands. It ends after a while with More set. A link that
// Microsoft no longer knows means reading everything anew.
func (a *Sync) GraphReadRound(ctx context.Context, in contract.ReadRound) (contract.ReadSlice, error) {
	defer beat(ctx)()
	p, err := a.Service.ReadingOf(ctx, worker, in.RunID)
	if err != nil {
		return contract.ReadSlice{}, syncCommandFault(err)
	}
	pages := a.PagesPerSlice
	if pages <= 0 {
		pages = slicePages
	}
	until := a.Now().Add(sliceTime)
	for n := 0; !p.Done && !p.Ended; n++ {
		if n > 0 && (n >= pages || !a.Now().Before(until) || stopping(ctx)) {
			return sliceOf(p), nil
		}
		if p, err = a.readPage(ctx, p); err != nil {
			return contract.ReadSlice{}, err
		}
	}
	return sliceOf(p), nil
}

func sliceOf(p service.ReadPosition) contract.ReadSlice {
	return contract.ReadSlice{More: !p.Done && !p.Ended, Stopped: p.Ended, Code: p.Code, Full: p.Full, Pages: p.Pages, Read: p.Read}
}

// readPage reads the page at the position and takes it in. Trouble that will
// pass is noted where people look before it is retried.
func (a *Sync) readPage(ctx context.Context, p service.ReadPosition) (service.ReadPosition, error) {
	body, err := a.Directory.Page(ctx, DirectoryAccess{TenantID: p.TenantID, CellID: p.CellID, IntegrationID: p.IntegrationID}, p.Stream, p.Link)
	var page dirsync.Page
	if err == nil {
		page, err = dirsync.DecodePage(p.Stream, body)
	}
	switch {
	case err == nil:
		next, err := a.Service.StagePage(ctx, worker, p.RunID, p.Link, page)
		return next, syncCommandFault(err)
	case ctx.Err() != nil:
		return p, ctx.Err()
	case kindOf(err) == "delta_expired":
		next, err := a.Service.ReadEverything(ctx, worker, p.RunID)
		return next, syncCommandFault(err)
	}
	fault := directoryFault(err, p.CellID != "", activity.GetInfo(ctx).Attempt)
	if fault.retry {
		if err := a.Service.NoteTrouble(ctx, worker, p.RunID, contract.SyncCodeOf(fault.kind)); err != nil && domain.KindOf(err) != domain.Unavailable {
			return p, syncCommandFault(err)
		}
	}
	if fault.kind == contract.ErrLegacyCredentialDead && !fault.retry {
		a.noteOldApp(ctx, p.IntegrationID, err)
	}
	return p, fault.application(err)
}

// noteOldApp keeps what Microsoft said of the old app, so that the end of the run
// can say what is wrong with its secret. Without the note it ends all the same.
func (a *Sync) noteOldApp(ctx context.Context, integrationID string, answer error) {
	verdict, code, err := readOldApp(answer)
	if err == nil {
		err = a.Service.NoteOldApp(ctx, worker, integrationID, verdict, code)
	}
	if err != nil {
		activity.GetLogger(ctx).Warn("what Microsoft said of an old app could not be noted", logkey.Integration, integrationID, logkey.Error, err)
	}
}

// ServiceApplyRun brings what was read into the mirror, slice by slice. How it
// ended is data: done, or stopped by a rule.
func (a *Sync) ServiceApplyRun(ctx context.Context, in contract.ApplyRun) (contract.DirectorySyncResult, error) {
	defer beat(ctx)()
	for {
		slice, err := a.Service.ApplySlice(ctx, worker, in.RunID)
		if err != nil {
			return contract.DirectorySyncResult{}, syncCommandFault(err)
		}
		if !slice.More {
			return slice.Result, nil
		}
		if ctx.Err() != nil {
			return contract.DirectorySyncResult{}, ctx.Err()
		}
		if stopping(ctx) {
			return contract.DirectorySyncResult{}, errWorkerStops
		}
	}
}

// ServiceEndRun closes a run that did not reach its end.
func (a *Sync) ServiceEndRun(ctx context.Context, in contract.EndRun) (contract.DirectorySyncResult, error) {
	out, err := a.Service.EndRun(ctx, worker, in)
	return out, syncCommandFault(err)
}

// ServiceStartDueRuns starts the runs of a region that are due, and counts the
// consents that have to be looked for, the migrations that may be lost and the
// accounts that are to be deleted, so that a sweep without any costs nothing more.
func (a *Sync) ServiceStartDueRuns(ctx context.Context, in contract.SweepInput) (contract.SweepResult, error) {
	defer beat(ctx)()
	n, err := a.Service.StartDueRuns(ctx, worker, in.Region)
	if err != nil {
		return contract.SweepResult{Started: n}, syncCommandFault(err)
	}
	waiting, err := a.Service.ApprovalsToLookFor(ctx, worker, in.Region)
	if err != nil {
		return contract.SweepResult{Started: n}, syncCommandFault(err)
	}
	lost, err := a.Service.LostMigrations(ctx, worker, in.Region)
	if err != nil { // what is due was started all the same; the next sweep looks again
		activity.GetLogger(ctx).Warn("nobody knows whether migrations are lost", logkey.Region, in.Region, logkey.Error, err)
	}
	erasing, err := a.Service.ErasuresDue(ctx, worker, in.Region)
	if err != nil {
		activity.GetLogger(ctx).Warn("nobody knows whether something is to be deleted", logkey.Region, in.Region, logkey.Error, err)
	}
	return contract.SweepResult{Started: n, Waiting: len(waiting), Lost: lost, Erasing: erasing}, nil
}

// beat heartbeats until the returned function is called. A short activity sends
// none, because each one is billed; and the beat does not depend on progress,
// because Microsoft may let us wait for a page longer than a heartbeat may take.
func beat(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		t := time.NewTicker(heartbeatTime)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return cancel
}

func stopping(ctx context.Context) bool {
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return true
	default:
		return false
	}
}
