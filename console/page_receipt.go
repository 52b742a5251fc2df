package console

import (
	"cmp"
	"time"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// receipt is what stays of a migration: what was done, and what to do with the
// old app.
type receipt struct {
	form
	allowed
	Name        string
	MigratedAt  time.Time
	ConnectorID string
	Connector   string
	Description string
	ConsentedBy string
	ConsentedAt time.Time
	ApprovedBy  string
	ApprovedAt  time.Time
	Users       int64
	Groups      int64
	Memberships int64
	AsOf        time.Time
	Took        string
	Held        int64
	Integration string // address of its page

	WayBackUntil time.Time
	WayBackOpen  bool
	WayBackBy    string // what ends it before its window does
	WayBackNo    string // why there is none now, although its window is open
	Gone         bool   // the tenant does not know the old app any more

	OldName     string
	OldID       string
	Tenant      string
	Advised     time.Time // from which date removing it is recommended
	AdvisedNow  bool
	EndsAt      time.Time // of the reminder
	Removed     string    // "", confirmed, proven, declined
	Asked       string    // what Microsoft said when asked about it; "" = not asked
	AskedAt     time.Time
	RollBack    *rollBackStep
	MayConfirm  bool
	MayKeep     bool
	Destroyed   time.Time // when the old secret was destroyed
	Closed      bool
	TickError   string
	Receipt     string // id to quote
	RowsRead    int64
	RowsAdded   int64
	RowsChanged int64
}

// wayBack says what an explanation says: whether there is one, until when, and
// what would end it.
func (r *receipt) wayBack(v service.ViewMigration) {
	if !r.WayBackOpen {
		return
	}
	r.WayBackNo, r.Gone = cmp.Or(v.NoWayBack, v.OldAppRefused), v.Secret.Gone
	if r.WayBackNo == "" {
		r.WayBackUntil, r.WayBackBy = wayBackEnd(v, r.WayBackUntil)
	}
}

func (p *Pages) receipt(caller domain.Caller, v service.ViewMigration, f form) *receipt {
	m, i, now := v.Migration, v.Integration, p.now()
	r := &receipt{
		form: f, allowed: mayDo(caller, domain.RoleMigrate, v), Name: i.Name, MigratedAt: m.MigratedAt.Time, Receipt: m.ID,
		ConnectorID: v.Connector.ID, Connector: v.Connector.Name, Description: v.Connector.Description,
		ConsentedBy: v.Connector.ConsentedBy, ConsentedAt: v.Connector.ConsentedAt.Time,
		ApprovedBy: cmp.Or(v.Approval.By, v.Approval.GivenBy), ApprovedAt: v.Approval.GivenAt.Time,
		Users: i.Users, Groups: i.Groups, Memberships: i.Memberships, AsOf: i.LastSyncedAt.Time, Integration: "/directory-sync/" + i.ID,
		WayBackUntil: m.WayBackUntil.Time, WayBackOpen: m.Phase == domain.Migrated && m.WayBackUntil.After(now),
		OldName: cmp.Or(v.Legacy.Name, "the old application"), OldID: v.Legacy.ClientID, Tenant: cmp.Or(i.TenantDomain, i.TenantID),
		Advised: m.RemovalAdvised.Time, AdvisedNow: m.RemovalAdvised.Due(now), EndsAt: m.CleanUpUntil.Time, Removed: m.OldAppRemoved,
		Destroyed: v.Legacy.DestroyedAt.Time, Closed: m.Phase == domain.Closed,
		MayConfirm: m.Phase != domain.Closed && m.OldAppRemoved == "",
		MayKeep:    m.Phase == domain.CleanUp && m.OldAppRemoved == "",
	}
	if !v.Legacy.ProbedAt.IsZero() && v.Legacy.ProbedAt.After(m.MigratedAt.Time) {
		r.Asked, r.AskedAt = migration.OldAppText(migration.OldApp(v.Legacy.ProbeVerdict), v.Legacy.ProbeCode), v.Legacy.ProbedAt.Time
	}
	r.wayBack(v)
	r.RollBack = newRollBackStep(caller, v, f)
	if v.Run.ID != "" {
		r.Took, r.Held = took(service.Took(v.Run, now)), v.Run.Held
		r.RowsRead, r.RowsAdded, r.RowsChanged = v.Run.Read, v.Run.Added, v.Run.Changed
	}
	return r
}
