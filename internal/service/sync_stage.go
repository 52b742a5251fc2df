package service

import (
	"context"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
)

// maxRestarts bounds how often a run begins to read everything anew because
// Microsoft lost its position.
const maxRestarts = 3

// ReadPosition tells a reader what to read next and as whom. Ended means that
// the run was closed meanwhile, Done that there is nothing left to read.
type ReadPosition struct {
	RunID         string
	IntegrationID string
	TenantID      string
	CellID        string // "" = through the legacy app
	Stream        dirsync.Stream
	Link          string // "" = the first page, of everything
	Full          bool
	Done          bool
	Ended         bool
	Code          string // of an end
	Pages         int64
	Read          int64
}

// ReadingOf gives where a run's reading stands.
func (s *Service) ReadingOf(ctx context.Context, caller domain.Caller, runID string) (p ReadPosition, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		run, err := tx.Rows.SyncRuns().Get(runID)
		if err != nil {
			return err
		}
		p, err = tx.position(run, nil)
		return err
	})
	return p, err
}

// position describes where the run stands; c is its cursor, nil to read it.
func (t *Tx) position(run domain.SyncRun, c *dirsync.Cursor) (ReadPosition, error) {
	p := ReadPosition{RunID: run.ID, IntegrationID: run.IntegrationID, Full: run.Full, Pages: run.Pages, Read: run.Read}
	switch run.State {
	case domain.RunStopped, domain.RunError:
		p.Ended, p.Code = true, run.Code
		return p, nil
	case domain.RunDone:
		p.Done = true
		return p, nil
	case domain.RunReading, domain.RunApplying:
	}
	if c == nil {
		found, err := t.Mirror().Cursor(run.ID)
		if err != nil {
			return p, err
		}
		c = &found
	}
	if p.Stream, p.Link, p.Done = c.Reading(); p.Done {
		return p, nil
	}
	i, err := t.Rows.Integrations().Get(run.IntegrationID)
	if err != nil {
		return p, err
	}
	a, err := t.readsAs(i, run)
	p.TenantID, p.CellID = i.TenantID, a.cellID
	return p, err
}

// StagePage takes one page in: its rows and the position behind it are committed
// together, so that the staging is the durable cursor. link is the one the page
// was read from; a page from elsewhere than the position is one that was taken
// in before, and changes nothing.
func (s *Service) StagePage(ctx context.Context, caller domain.Caller, runID, link string, page dirsync.Page) (ReadPosition, error) {
	return Do(ctx, s, caller, "", "stage-page", runID, func(tx *Tx) (ReadPosition, error) {
		run, err := tx.Rows.SyncRuns().Get(runID)
		if err != nil {
			return ReadPosition{}, err
		}
		if run.State != domain.RunReading {
			return tx.position(run, nil)
		}
		if gone, err := tx.gone(run.AccountID); err != nil || gone {
			return ReadPosition{RunID: run.ID, IntegrationID: run.IntegrationID, Ended: true, Code: contract.SyncDisabled}, err
		}
		c, err := tx.Mirror().Cursor(runID)
		if err != nil {
			return ReadPosition{}, err
		}
		if stream, at, done := c.Reading(); done || stream != page.Stream || at != link {
			return tx.position(run, &c)
		}
		i, err := tx.Rows.Integrations().Get(run.IntegrationID)
		if err != nil {
			return ReadPosition{}, err
		}
		if err := tx.stage(c.StageID, i.Settings, page); err != nil {
			return ReadPosition{}, err
		}
		c.Advance(page)
		if err := tx.Mirror().PutCursor(c); err != nil {
			return ReadPosition{}, err
		}
		run.Pages++
		run.Read += page.Read()
		if err := tx.answered(&run, &i); err != nil {
			return ReadPosition{}, err
		}
		p, err := tx.position(run, &c)
		if err != nil {
			return p, err
		}
		if p.Done && run.Purpose == domain.RunShadow {
			run.State, run.FinishedAt = domain.RunDone, tx.At()
		}
		run.UpdatedAt = tx.At()
		if err := tx.Rows.SyncRuns().Update(&run); err != nil {
			return p, err
		}
		if p.Done || run.Pages%10 == 1 { // enough for a page that shows progress
			err = tx.Changed(run.AccountID, "run", run.ID, "read")
		}
		return p, err
	})
}

// stage folds a page into a staging.
func (t *Tx) stage(stageID string, settings domain.SyncSettings, page dirsync.Page) error {
	ids := make([]string, 0, len(page.Objects))
	for _, o := range page.Objects {
		ids = append(ids, o.ID)
	}
	earlier, err := t.Mirror().Staged(stageID, page.Stream, ids)
	if err != nil {
		return err
	}
	rows := make([]dirsync.Staged, 0, len(page.Objects))
	for _, o := range page.Objects {
		if before, ok := earlier[o.ID]; ok {
			o = before.Then(o)
		}
		rows = append(rows, o.Settle(page.Stream, settings))
	}
	if err := t.Mirror().Stage(stageID, page.Stream, rows); err != nil {
		return err
	}
	return t.Mirror().StageEdges(stageID, page.Edges)
}

// ReadEverything begins a run's reading anew, into a staging of its own, because
// its link or page has died. It refuses when that happens again and again.
func (s *Service) ReadEverything(ctx context.Context, caller domain.Caller, runID string) (ReadPosition, error) {
	return Do(ctx, s, caller, "", "read-everything", runID, func(tx *Tx) (ReadPosition, error) {
		run, err := tx.Rows.SyncRuns().Get(runID)
		if err != nil {
			return ReadPosition{}, err
		}
		if run.State != domain.RunReading {
			return tx.position(run, nil)
		}
		c, err := tx.Mirror().Cursor(runID)
		if err != nil {
			return ReadPosition{}, err
		}
		if c.Restarts >= maxRestarts {
			return ReadPosition{}, domain.Refuse(domain.Gone, contract.SyncDeltaExpired, "%s", syncText(contract.SyncDeltaExpired))
		}
		if c.StageID == runID { // a shadow's is left as the proof saw it
			if err := tx.Mirror().DropStage(runID); err != nil {
				return ReadPosition{}, err
			}
		}
		c.Restart(runID)
		if err := tx.Mirror().PutCursor(c); err != nil {
			return ReadPosition{}, err
		}
		run.Full, run.UpdatedAt = true, tx.At()
		if err := tx.Rows.SyncRuns().Update(&run); err != nil {
			return ReadPosition{}, err
		}
		if err := tx.Changed(run.AccountID, "run", run.ID, "reads-everything"); err != nil {
			return ReadPosition{}, err
		}
		return tx.position(run, &c)
	})
}

// passing are the codes of trouble that retrying is expected to end.
var passing = map[string]bool{contract.SyncUnavailable: true, contract.SyncThrottled: true, contract.SyncConsentPending: true, contract.SyncStoreDown: true}

// NoteTrouble says where people look that an outside part does not answer and
// that we try again: on the run, on the migration it belongs to, and, unless
// Microsoft only asked us to slow down, on the integration.
func (s *Service) NoteTrouble(ctx context.Context, caller domain.Caller, runID, code string) error {
	_, err := Do(ctx, s, caller, "", "note-trouble", runID, func(tx *Tx) (struct{}, error) {
		run, err := tx.Rows.SyncRuns().Get(runID)
		if err != nil || (run.State != domain.RunReading && run.State != domain.RunApplying) {
			return struct{}{}, err
		}
		news := run.Code != code
		run.Code, run.Text, run.UpdatedAt = code, syncText(code), tx.At()
		if err := tx.Rows.SyncRuns().Update(&run); err != nil || !news {
			return struct{}{}, err
		}
		if err := tx.noteOnMigration(run, code, run.Text); err != nil {
			return struct{}{}, err
		}
		if conditional(run) && code != contract.SyncThrottled {
			i, err := tx.Rows.Integrations().Get(run.IntegrationID)
			if err != nil {
				return struct{}{}, err
			}
			if err := tx.setCondition(&i, domain.ConditionError, code, run.Text); err != nil {
				return struct{}{}, err
			}
			if err := tx.Rows.Integrations().Update(&i); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, tx.Changed(run.AccountID, "run", run.ID, "waiting")
	})
	return err
}

// answered takes back what NoteTrouble said.
func (t *Tx) answered(run *domain.SyncRun, i *domain.Integration) error {
	if run.Code != "" {
		run.Code, run.Text = "", ""
		if err := t.noteOnMigration(*run, "", ""); err != nil {
			return err
		}
	}
	if conditional(*run) && i.Condition == domain.ConditionError && passing[i.ConditionCode] {
		if err := t.setCondition(i, domain.ConditionOK, "", ""); err != nil {
			return err
		}
		return t.Rows.Integrations().Update(i)
	}
	return nil
}

// noteOnMigration writes what a migration's own run waits for; "" takes it back.
func (t *Tx) noteOnMigration(run domain.SyncRun, code, text string) error {
	if run.MigrationID == "" {
		return nil
	}
	m, err := t.Rows.Migrations().Get(run.MigrationID)
	if err != nil || !m.Open || m.WaitingCode == code {
		return err
	}
	m.WaitingCode, m.WaitingText, m.WaitingSince = code, text, t.At()
	if code == "" {
		m.WaitingSince = domain.Instant{}
	}
	m.UpdatedAt = t.At()
	if err := t.Rows.Migrations().Update(&m); err != nil {
		return err
	}
	return t.Changed(m.AccountID, "migration", m.ID, "waiting")
}
