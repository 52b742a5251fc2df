package service

import (
	"context"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
)

// sliceOperations bounds what one transaction applies, so that the write lock is
// never held for long.
const sliceOperations = 2000

// Applied is how far applying got: More until the run has ended.
type Applied struct {
	More   bool
	Result contract.DirectorySyncResult
}

// ApplySlice brings the next part of what a run has read into the mirror. Before
// each slice the rules are asked again: whether the run is still open, whether
// the binding is still the one it was begun under, and whether synchronization
// is still allowed. A rule's no closes the run in this same transaction. The
// slice that empties the staging also stores the links, completes the run's row
// and marks the integration as synchronized.
func (s *Service) ApplySlice(ctx context.Context, caller domain.Caller, runID string) (Applied, error) {
	return Do(ctx, s, caller, "", "apply-slice", runID, func(tx *Tx) (Applied, error) {
		run, err := tx.Rows.SyncRuns().Get(runID)
		if err != nil {
			return Applied{}, err
		}
		if !run.Open {
			return Applied{Result: resultOf(run)}, nil
		}
		i, err := tx.Rows.Integrations().Get(run.IntegrationID)
		if err != nil {
			return Applied{}, err
		}
		if gone, err := tx.gone(i.AccountID); err != nil || gone { // the deletion closes its row
			run.State, run.Code = domain.RunStopped, contract.SyncDisabled
			return Applied{Result: resultOf(run)}, err
		}
		code, text, err := tx.mayApply(i, run)
		if err != nil {
			return Applied{}, err
		}
		if code != "" {
			err := tx.stopRun(&run, &i, code, text)
			return Applied{Result: resultOf(run)}, err
		}
		c, err := tx.Mirror().Cursor(runID)
		if err != nil {
			return Applied{}, err
		}
		if _, _, done := c.Reading(); !done {
			return Applied{}, domain.Refuse(domain.Conflict, "not-read", "The round is not read to its end, so nothing of it may be applied.")
		}
		last, err := optional(tx.Rows.SyncRuns().Get(i.LastRunID))
		if err != nil {
			return Applied{}, err
		}
		a := applier{
			Tx: tx, run: &run, i: i, c: &c, left: s.slice,
			rebound: run.Purpose == domain.RunFirst || (i.LastRunID != "" && last.ClientID != run.ClientID),
		}
		run.State = domain.RunApplying
		if err := a.slice(); err != nil {
			return Applied{}, err
		}
		if c.Apply.Step == dirsync.StepDone {
			err := tx.completeRun(&run, &i, c)
			return Applied{Result: resultOf(run)}, err
		}
		run.UpdatedAt = tx.At()
		if err := tx.Rows.SyncRuns().Update(&run); err != nil {
			return Applied{}, err
		}
		if err := tx.Mirror().PutCursor(c); err != nil {
			return Applied{}, err
		}
		return Applied{More: true, Result: resultOf(run)}, tx.Changed(run.AccountID, "run", run.ID, "applied")
	})
}

// mayApply asks the rules about a run that is under way.
func (t *Tx) mayApply(i domain.Integration, run domain.SyncRun) (code, text string, err error) {
	if i.Epoch != run.Epoch {
		return contract.SyncBindingChanged, syncText(contract.SyncBindingChanged), nil
	}
	return t.mayRun(i, run.Purpose, run.MigrationID)
}

func resultOf(run domain.SyncRun) contract.DirectorySyncResult {
	return contract.DirectorySyncResult{
		RunID: run.ID, State: run.State, Code: run.Code,
		Read: run.Read, Added: run.Added, Changed: run.Changed, Removed: run.Removed, Held: run.Held,
	}
}

// completeRun ends a run whose staging is applied to the last row.
func (t *Tx) completeRun(run *domain.SyncRun, i *domain.Integration, c dirsync.Cursor) error {
	for _, s := range dirsync.Streams {
		if err := t.Mirror().PutLink(i.ID, s, run.ClientID, c.Of(s).Delta); err != nil {
			return err
		}
	}
	if err := t.Mirror().DropStage(c.StageID); err != nil {
		return err
	}
	if run.Purpose == domain.RunFirst {
		if err := t.dropShadows(i.ID); err != nil {
			return err
		}
	} else if err := t.Mirror().DropBefore(i.ID); err != nil {
		return err // the mirror has moved on: those images are of a past that is over
	}
	counts, err := t.Mirror().Counts(i.ID)
	if err != nil {
		return err
	}
	run.State, run.Open, run.Code, run.Text, run.UpdatedAt, run.FinishedAt = domain.RunDone, false, "", "", t.At(), t.At()
	t.ended = append(t.ended, *run)
	if err := t.Rows.SyncRuns().Update(run); err != nil {
		return err
	}
	i.LastSyncedAt, i.LastRunID = t.At(), run.ID
	i.Users, i.Groups, i.Memberships = counts.Users, counts.Groups, counts.Memberships
	if err := t.setCondition(i, domain.ConditionOK, "", ""); err != nil {
		return err
	}
	t.dueAfter(i)
	if err := t.Rows.Integrations().Update(i); err != nil {
		return err
	}
	for _, reads := range []func(domain.Integration, domain.SyncRun) error{t.connectorReads, t.oldAppReads} {
		if err := reads(*i, *run); err != nil {
			return err
		}
	}
	return t.Done(i.AccountID, "synchronize", "run", run.ID, map[string]string{"integration": i.ID, "purpose": string(run.Purpose)})
}

// connectorReads lifts a connector's condition once it has read a directory to
// the end again.
func (t *Tx) connectorReads(i domain.Integration, run domain.SyncRun) error {
	if run.Binding != domain.BoundConnector || i.ConnectorID == "" {
		return nil
	}
	c, err := t.Rows.Connectors().Get(i.ConnectorID)
	if err != nil || c.Condition != domain.ConditionError {
		return err
	}
	return t.markConnector(&c, domain.ConditionOK, "", "")
}

func (t *Tx) markConnector(c *domain.Connector, to domain.Condition, code, text string) error {
	if c.Condition == to && c.ConditionCode == code {
		return nil
	}
	c.Condition, c.ConditionCode, c.ConditionText, c.ConditionSince, c.UpdatedAt = to, code, text, t.At(), t.At()
	c.ReconnectCode, c.ReconnectText = "", "" // what became of an earlier consent explains nothing of this
	if err := t.Rows.Connectors().Update(c); err != nil {
		return err
	}
	if code == contract.SyncConsentLost {
		if err := t.Notify(reconnectNeeded(*c)); err != nil {
			return err
		}
	}
	return t.Changed(c.AccountID, "connector", c.ID, "condition")
}
