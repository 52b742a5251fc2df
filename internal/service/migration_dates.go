package service

import (
	"context"
	"strconv"

	"consentry/internal/campaign"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// ReadDates reads what the campaign says to an attempt now, sends the reminder
// that is due, and marks the attempt overdue or no longer so. Reading twice
// tells nobody twice.
func (s *Service) ReadDates(ctx context.Context, caller domain.Caller, attemptID string) (contract.Dates, error) {
	return Do(ctx, s, caller, "", "read-dates", attemptID, func(tx *Tx) (contract.Dates, error) {
		m, err := tx.Rows.Migrations().Get(attemptID)
		if err != nil {
			return contract.Dates{}, err
		}
		c, err := tx.campaignOf(m)
		if err != nil {
			return contract.Dates{}, err
		}
		dates, err := tx.readDates(&m, c)
		if err != nil {
			return contract.Dates{}, err
		}
		if err := tx.keep(&m); err != nil {
			return contract.Dates{}, err
		}
		return datesMessage(dates), tx.Changed(m.AccountID, "migration", m.ID, "dates-read")
	})
}

// readDates brings a migration's own marks up to what the campaign says now. The
// caller writes the row. After the switch dates no longer matter.
func (t *Tx) readDates(m *domain.Migration, c domain.Campaign) (campaign.Dates, error) {
	if !migration.BeforeCutOver(m.Phase) {
		m.ArmedFor = domain.Instant{}
		return campaign.Dates{Version: c.Version, ReadAt: t.Now}, nil
	}
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	if err != nil {
		return campaign.Dates{}, err
	}
	d := campaign.Read(c, *m, t.Now)
	if rung, due := campaign.Reminder(c, *m, t.Now); due {
		if err := t.Notify(reminder(*m, i, d.Deadline, rung)); err != nil {
			return d, err
		}
		m.RemindedRungs, m.RemindedFor = rung, domain.At(d.Deadline)
	}
	if err := t.markOverdue(m, &i, c, d); err != nil {
		return d, err
	}
	m.ArmedFor, m.ArmedVersion, m.ArmedReadAt = domain.At(d.NextAt), d.Version, t.At()
	return d, nil
}

// markOverdue says once that the date has passed, and takes it back when a later
// date, or none, is in force. What stops synchronization is the predicate at
// each run; the condition here is what people read.
func (t *Tx) markOverdue(m *domain.Migration, i *domain.Integration, c domain.Campaign, d campaign.Dates) error {
	if err := t.markStopped(i, campaign.MaySync(*i, &c, m, t.Now)); err != nil {
		return err
	}
	detail := map[string]string{"campaignVersion": strconv.FormatInt(c.Version, 10)}
	switch {
	case d.Overdue && !m.Overdue:
		m.Overdue, m.OverdueSince = true, t.At()
		if err := t.Notify(overdue(*m, *i, d.Deadline, campaign.GraceEnd(c, *m))); err != nil {
			return err
		}
		return t.Done(m.AccountID, "migration-overdue", "migration", m.ID, detail)
	case !d.Overdue && m.Overdue:
		m.Overdue, m.OverdueSince = false, domain.Instant{}
		return t.Done(m.AccountID, "migration-not-overdue", "migration", m.ID, detail)
	}
	return nil
}

// markStopped brings the condition "stopped by the date" up to the verdict and
// leaves every other condition alone.
func (t *Tx) markStopped(i *domain.Integration, v campaign.Verdict) error {
	was := stoppedByDate(*i)
	var err error
	switch is := !v.Allowed && v.Code == campaign.CodeDeadlinePassed; {
	case is:
		err = t.setCondition(i, domain.ConditionStopped, v.Code, v.Text)
	case was:
		i.NextDueAt = t.At() // what was missed is caught up at once
		err = t.setCondition(i, domain.ConditionOK, "", "")
	default:
		return nil
	}
	if err != nil {
		return err
	}
	return t.Rows.Integrations().Update(i)
}

// NoteWaiting says on the attempt that an outside part does not answer and when
// it is tried again.
func (s *Service) NoteWaiting(ctx context.Context, caller domain.Caller, w contract.Waiting) error {
	_, err := Do(ctx, s, caller, "", "note-waiting", w.AttemptID, func(tx *Tx) (struct{}, error) {
		m, err := tx.Rows.Migrations().Get(w.AttemptID)
		if err != nil || m.Phase.Ended() || m.WaitingCode == w.Code {
			return struct{}{}, err
		}
		if m.WaitingSince.IsZero() {
			m.WaitingSince = tx.At()
		}
		m.WaitingCode, m.WaitingText = w.Code, migration.Text(w.Code)
		if err := tx.keep(&m); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Changed(m.AccountID, "migration", m.ID, "waiting")
	})
	return err
}

// ClearWaiting takes the note back.
func (s *Service) ClearWaiting(ctx context.Context, caller domain.Caller, attemptID string) error {
	_, err := Do(ctx, s, caller, "", "clear-waiting", attemptID, func(tx *Tx) (struct{}, error) {
		m, err := tx.Rows.Migrations().Get(attemptID)
		if err != nil || m.WaitingCode == "" {
			return struct{}{}, err
		}
		clearWaiting(&m)
		if err := tx.keep(&m); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Changed(m.AccountID, "migration", m.ID, "goes-on")
	})
	return err
}
