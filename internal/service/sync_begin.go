package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
)

// abandonedAfter is when an open run that has not moved counts as lost. Should
// it move after all, it finds its row closed and stops.
const abandonedAfter = time.Hour

// BeginRun gives a run its row, or says which rule refuses it. A refusal is an
// answer and not an error; asking again with the same key gives the same row.
func (s *Service) BeginRun(ctx context.Context, caller domain.Caller, b contract.BeginRun) (contract.RunStart, error) {
	return Do(ctx, s, caller, "", "begin-run", b.Input.IntegrationID, func(tx *Tx) (contract.RunStart, error) {
		return tx.beginRun(b)
	})
}

// runIDOf is the id of the run that a key begins: the key is known to the workflow
// alone, so that nobody guesses a run from it.
func runIDOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "run_" + hex.EncodeToString(sum[:10])
}

func (t *Tx) beginRun(b contract.BeginRun) (contract.RunStart, error) {
	id, in := runIDOf(b.Key), b.Input
	if run, err := t.Rows.SyncRuns().Get(id); err == nil {
		return contract.RunStart{RunID: run.ID, Full: run.Full}, nil
	} else if !domain.IsNotFound(err) {
		return contract.RunStart{}, err
	}
	i, err := t.Rows.Integrations().Get(in.IntegrationID)
	if err != nil {
		return contract.RunStart{}, err
	}
	code, text, err := t.mayRun(i, in.Purpose, in.AttemptID)
	if err != nil {
		return contract.RunStart{}, err
	}
	if code != "" {
		return contract.RunStart{Refused: true, Code: code}, t.refuseRun(i, in.Purpose, code, text)
	}
	if in.Purpose != domain.RunShadow {
		free, err := t.freeRow(i, in)
		if err != nil || !free {
			return contract.RunStart{Refused: !free, Code: contract.SyncRunOpen}, err
		}
	}
	run := domain.SyncRun{
		ID: id, AccountID: i.AccountID, IntegrationID: i.ID, MigrationID: in.AttemptID, Purpose: in.Purpose,
		Epoch: i.Epoch, Binding: i.Binding, State: domain.RunReading, Open: in.Purpose != domain.RunShadow,
		StartedAt: t.At(), UpdatedAt: t.At(),
	}
	if in.Purpose == domain.RunShadow {
		run.Binding = domain.BoundConnector
	}
	a, err := t.readsAs(i, run)
	if err != nil {
		return contract.RunStart{}, err
	}
	run.ClientID = a.clientID
	cursor, full, err := t.firstPosition(i, run, in.ShadowRunID)
	if err != nil {
		return contract.RunStart{}, err
	}
	run.Full = full
	if err := t.Rows.SyncRuns().Insert(&run); err != nil {
		return contract.RunStart{}, err
	}
	if err := t.Mirror().PutCursor(cursor); err != nil {
		return contract.RunStart{}, err
	}
	return contract.RunStart{RunID: id, Full: full}, t.Changed(i.AccountID, "run", id, "begun")
}

// refuseRun leaves the trace of a run that a rule refused: what a customer sees
// of it is the integration's condition.
func (t *Tx) refuseRun(i domain.Integration, purpose domain.Purpose, code, text string) error {
	if code == contract.SyncDeadlinePassed {
		if err := t.setCondition(&i, domain.ConditionStopped, code, text); err != nil {
			return err
		}
	}
	t.dueAfter(&i)
	if err := t.Rows.Integrations().Update(&i); err != nil {
		return err
	}
	return t.Audit(i.AccountID, "synchronize", i.ID, "refused", code, map[string]string{"purpose": string(purpose)})
}

// freeRow reports whether the integration's one row of an open run is free. A
// row whose workflow is over is taken: two runs under one workflow id exclude
// each other, so that an earlier one of the same kind cannot be at work.
func (t *Tx) freeRow(i domain.Integration, in contract.DirectorySyncInput) (bool, error) {
	open, err := t.Rows.SyncRuns().Find(By(Where{"integration_id": i.ID, "open": true}))
	if domain.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	ordinary := func(p domain.Purpose) bool { return p == domain.RunScheduled || p == domain.RunManual }
	same := ordinary(open.Purpose) && ordinary(in.Purpose) || open.Purpose == in.Purpose && open.MigrationID == in.AttemptID
	if !same && t.Now.Sub(open.UpdatedAt.Time) < abandonedAfter {
		return false, nil
	}
	return true, t.closeRun(&open, domain.RunError, contract.SyncLost, syncText(contract.SyncLost))
}

// syncAccess is as whom a run reads.
type syncAccess struct {
	cellID   string // "" = through the legacy app
	clientID string
}

func (t *Tx) readsAs(i domain.Integration, run domain.SyncRun) (syncAccess, error) {
	if run.Binding == domain.BoundLegacy {
		app, err := t.Rows.LegacyApps().Get(i.ID)
		return syncAccess{clientID: app.ClientID}, err
	}
	connectorID := i.ConnectorID
	if run.Purpose == domain.RunShadow {
		m, err := t.Rows.Migrations().Get(run.MigrationID)
		if err != nil {
			return syncAccess{}, err
		}
		connectorID = m.ConnectorID
	}
	c, err := t.Rows.Connectors().Get(connectorID)
	if err != nil {
		return syncAccess{}, err
	}
	cell, err := t.Rows.Cells().Get(c.CellID)
	return syncAccess{cellID: cell.ID, clientID: cell.ClientID}, err
}

// firstPosition is where a run begins to read: from the links its app left when
// it last brought the mirror to where it stands, or from nothing. A first
// synchronization goes on in the staging of the shadow run that was approved.
func (t *Tx) firstPosition(i domain.Integration, run domain.SyncRun, shadowRunID string) (c dirsync.Cursor, full bool, err error) {
	c = dirsync.Cursor{RunID: run.ID, StageID: run.ID}
	switch run.Purpose {
	case domain.RunShadow:
		return c, true, t.dropShadows(i.ID)
	case domain.RunFirst:
		shadow, err := t.Mirror().Cursor(shadowRunID)
		if domain.IsNotFound(err) {
			return c, true, nil
		}
		if err != nil {
			return c, false, err
		}
		if _, _, done := shadow.Reading(); !done {
			return c, true, nil
		}
		c.StageID = shadow.StageID
		c.Users.Next, c.Groups.Next = shadow.Users.Delta, shadow.Groups.Delta
		return c, true, nil
	case domain.RunScheduled, domain.RunManual, domain.RunLegacy:
	}
	last, err := optional(t.Rows.SyncRuns().Get(i.LastRunID))
	if err != nil {
		return c, false, err
	}
	if last.ClientID != run.ClientID {
		return c, true, nil // the mirror stands where another app left it
	}
	for _, s := range dirsync.Streams {
		if c.Of(s).Next, err = t.Mirror().Link(i.ID, s, run.ClientID); err != nil {
			return c, false, err
		}
	}
	if c.Users.Next == "" || c.Groups.Next == "" {
		c.Users, c.Groups = dirsync.Position{}, dirsync.Position{}
		return c, true, nil
	}
	return c, false, nil
}

// dropShadows forgets the stagings that earlier shadow runs left.
func (t *Tx) dropShadows(integrationID string) error {
	runs, err := t.Rows.SyncRuns().List(Query{Where: Where{"integration_id": integrationID, "purpose": domain.RunShadow}, Order: []string{"-started_at"}, Limit: 10})
	if err != nil {
		return err
	}
	for _, r := range runs {
		if err := t.Mirror().DropStage(r.ID); err != nil {
			return err
		}
	}
	return nil
}
