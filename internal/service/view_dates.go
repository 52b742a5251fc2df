package service

import (
	"time"

	"consentry/internal/campaign"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// asOfNow puts on rows that are only read what the date says at this moment. The
// marks in them are made by timers and commands, and a timer that never rang,
// because the engine was away, has marked nothing. It answers until when
// synchronization goes on although the date has passed; zero: it does not, or the
// date has not passed.
func (t *Tx) asOfNow(m *domain.Migration, i *domain.Integration, c domain.Campaign) (grace time.Time) {
	if c.ID == "" || !migration.BeforeCutOver(m.Phase) {
		return grace
	}
	switch d := campaign.Read(c, *m, t.Now); {
	case d.Overdue && !m.Overdue:
		m.Overdue, m.OverdueSince = true, domain.At(d.Deadline)
	case !d.Overdue:
		m.Overdue, m.OverdueSince = false, domain.Instant{}
	}
	v := campaign.MaySync(*i, &c, m, t.Now)
	enforced(i, v, m.OverdueSince)
	if m.Overdue && v.Allowed {
		grace = v.Until
	}
	return grace
}

// integrationAsOfNow does it for an integration alone, with or without an attempt.
// Only a legacy binding has a date. The open attempt, which is read on the way to
// it, is the answer; zero: none is open, or the binding is not legacy.
func (t *Tx) integrationAsOfNow(i *domain.Integration) (open domain.Migration, err error) {
	if i.Binding != domain.BoundLegacy {
		return open, nil
	}
	m, c, err := t.enforcedBy(*i)
	if err != nil {
		return open, err
	}
	if c != nil {
		enforced(i, campaign.MaySync(*i, c, m, t.Now), domain.At(campaign.DateInForce(*c, m)))
	}
	if m != nil && m.Open {
		open = *m
	}
	return open, nil
}

// enforced is markStopped for a row that is only read.
func enforced(i *domain.Integration, v campaign.Verdict, since domain.Instant) {
	was := stoppedByDate(*i)
	switch is := !v.Allowed && v.Code == campaign.CodeDeadlinePassed; {
	case is && !was:
		i.Condition, i.ConditionCode, i.ConditionText, i.ConditionSince = domain.ConditionStopped, v.Code, v.Text, since
	case was && !is:
		i.Condition, i.ConditionCode, i.ConditionText, i.ConditionSince = domain.ConditionOK, "", "", since
	}
}

func stoppedByDate(i domain.Integration) bool {
	return i.Condition == domain.ConditionStopped && i.ConditionCode == campaign.CodeDeadlinePassed
}
