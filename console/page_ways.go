package console

import (
	"time"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// The ways out of a migration, as forms: cancel before the switch, roll back
// after it, and start again once it has ended.

// cancelStep gives up an attempt that has changed nothing yet.
type cancelStep struct {
	form
	Connector   string // its name, where the consent has made one: it stays
	Reason      string
	Sure        bool
	ReasonError string
	TickError   string
}

// newCancelStep offers cancelling to whoever may; everybody else is not asked.
func newCancelStep(caller domain.Caller, v service.ViewMigration, f form) *cancelStep {
	if !caller.Operator() && !caller.Has(domain.RoleMigrate, v.Migration.AccountID) {
		return nil
	}
	c := &cancelStep{form: f}
	if v.Migration.ConnectorID != "" {
		c.Connector = v.Connector.Name
	}
	return c
}

// rollBackStep takes a migrated integration back to its old app.
type rollBackStep struct {
	form
	allowed
	Open        bool // the form is unfolded, because something in it was refused
	No          string
	Doubt       string // why it would come to nothing unless something has changed at Microsoft
	Reason      string
	Sure        bool
	ReasonError string
	TickError   string
}

func newRollBackStep(caller domain.Caller, v service.ViewMigration, f form) *rollBackStep {
	if v.Migration.Phase != domain.Migrated {
		return nil
	}
	r := &rollBackStep{form: f, allowed: mayDo(caller, domain.RoleApprove, v), No: v.NoWayBack, Doubt: v.OldAppRefused}
	r.May = r.May || caller.Operator()
	return r
}

// wayBackEnd gives when a way back whose window ends at window is over, and by
// what, where something comes before that.
func wayBackEnd(v service.ViewMigration, window time.Time) (ends time.Time, by string) {
	ends = window
	if date := v.DateInForce; !date.IsZero() && date.Before(ends) {
		ends, by = date, "when the date for the old app passes"
	}
	if secret := v.Legacy.SecretEndsAt.Time; !secret.IsZero() && secret.Before(ends) {
		ends, by = secret, "when the old app's client secret ends, unless another is entered before"
	}
	return ends, by
}

// wayBackAhead says before the switch what way back there will be after it.
func wayBackAhead(v service.ViewMigration, now time.Time) string {
	window := v.Campaign.Terms.WayBack.Std()
	ends, by := wayBackEnd(v, now.Add(window))
	switch date := v.DateInForce; {
	case v.Secret.Gone:
		return "None: the tenant does not know the old app any more"
	case v.Secret.Not != "":
		return "None as long as Microsoft does not let the old app in"
	case !date.IsZero() && !now.Before(date):
		return "None: the date for the old app has passed"
	case v.Secret.State.Dead():
		return "None, unless another client secret of the old app is entered"
	case by != "":
		return "Stays open until " + ends.UTC().Format("2 Jan 2006, 15:04 UTC") + ", " + by
	}
	return "Stays open for " + left(window) + " after the switch"
}

// ended is a migration that came to no switch, or was taken back.
type ended struct {
	form
	Words     string
	Reason    string // as whoever ended it gave it
	By        string
	At        time.Time
	Open      string // address of the attempt that is open by now
	MayRetry  bool   // a new attempt can be started by this person
	Leaves    bool   // none begins, because the account is to be deleted
	Connector string
}

func newEnded(caller domain.Caller, v service.ViewMigration, f form) *ended {
	m := v.Migration
	e := &ended{form: f, Words: migration.Explain(migration.Facts{Migration: m, InForce: v.DateInForce}), At: m.EndedAt.Time}
	if d := v.Decision; d.State == domain.DecisionApplied && (d.Kind == domain.DecideCancel || d.Kind == domain.DecideRollBack) {
		e.Reason, e.By = d.Detail.Reason, v.People[d.GivenBy]
	}
	if m.ConnectorID != "" {
		e.Connector = v.Connector.Name
	}
	switch {
	case v.OpenID != "":
		e.Open = "/migrations/" + v.OpenID
	case v.Leaving.State == domain.DeletionPending: // the page says so, and how that is stopped
		e.Leaves = true
	case v.Integration.Binding == domain.BoundLegacy:
		e.MayRetry = caller.Operator() || caller.Has(domain.RoleMigrate, m.AccountID)
	}
	return e
}
