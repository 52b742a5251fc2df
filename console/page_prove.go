package console

import (
	"cmp"
	"strings"
	"time"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// provingStep shows the comparison while it is made.
type provingStep struct {
	Read  int64 // objects the connector's reading has seen
	Total int64 // that the mirror holds: what to expect
	Pages int64
	Since time.Time
}

func newProvingStep(v service.ViewMigration) *provingStep {
	i := v.Integration
	s := &provingStep{Total: i.Users + i.Groups + i.Memberships, Since: v.Migration.PhaseSince.Time}
	if r := v.Run; r.ID != "" && !r.StartedAt.Before(v.Migration.PhaseSince.Time) {
		s.Read, s.Pages = r.Read, r.Pages
	}
	return s
}

// Share is how far the reading is, as a part of Total; progress bars need whole
// numbers and Read may pass what was expected.
func (s provingStep) Share() int64 { return min(s.Read, s.Total) }

// approveStep shows what changes and asks for the approval of exactly that.
type approveStep struct {
	form
	allowed
	ProofID      string
	Equal        bool
	Differences  int64
	Frozen       bool
	AsOf         time.Time
	ReadAt       time.Time
	Until        time.Time // an older proof may not be approved
	Used         bool      // the comparison is made again before anything is switched …
	Old          bool      // Until has passed, so it is made again, too
	GoesOn       bool      // … and if it still says that nothing changes, the switch follows
	Rows         []proofRow
	Examples     []exampleGroup
	Now, After   side
	Description  string
	Schedule     string
	ConnectorNew bool
	Name         string
	WayBack      string
	Unread       bool // nothing is read through the old app
	MayRefuse    bool
	OnHold       bool
	CheckError   string
	ReasonError  string
	Reason       string
}

// Again reports whether all that can be asked for is another comparison: this one
// would not be switched by, whoever approves it.
func (s approveStep) Again() bool { return (s.Used || s.Old) && !s.GoesOn }

// side is the integration's connection on one side of the switch.
type side struct {
	Connection, Credential, Permissions string
}

// proofRow is one kind of object on both sides.
type proofRow struct {
	Kind                    string
	Mirror, Shadow          int64
	Added, Changed, Removed int64
}

// exampleGroup is up to twenty examples of one change.
type exampleGroup struct {
	Title, Mark, Class string
	Total              int64
	Examples           []example
}

type example struct {
	Name, Kind, ID, Fields string
}

func (p *Pages) approveStep(caller domain.Caller, v service.ViewMigration, f form) *approveStep {
	pr, i := v.Proof, v.Integration
	s := &approveStep{
		form: f, allowed: mayDo(caller, domain.RoleApprove, v), ProofID: pr.ID, Equal: pr.Equal(), Differences: pr.Differences(),
		Frozen: pr.Frozen, AsOf: pr.AsOf.Time, ReadAt: pr.ReadAt.Time, Rows: proofRows(pr), Examples: exampleGroups(pr),
		Description: cmp.Or(v.Migration.Description, v.Connector.Description), Name: cmp.Or(v.Connector.Name, i.Name),
		ConnectorNew: v.Connector.ID == "" || v.Migration.ConnectorID == v.Connector.ID, Schedule: everyWords(i.Schedule),
		WayBack: wayBackAhead(v, p.now()), Unread: migration.LegacyUnread(i, v.Secret.State), OnHold: v.OnHold(), Used: v.ProofUsed, GoesOn: v.ProofUsed && pr.Unchanged(),
	}
	if age := v.Campaign.Terms.ProofAge.Std(); age > 0 && !pr.CreatedAt.IsZero() {
		s.Until = pr.CreatedAt.Add(age)
		s.Old = !s.Used && p.now().After(s.Until)
	}
	set := domain.PermissionSets[cmp.Or(v.Connector.PermissionSet, domain.CurrentPermissionSet)]
	s.Now = side{Connection: cmp.Or(v.Legacy.Name, "Legacy app"), Credential: "A client secret of your app, kept by us", Permissions: "What your app was given"}
	s.After = side{Connection: s.Name, Credential: "Our certificate, replaced every day", Permissions: strings.Join(set.Application, ", ")}
	return s
}

func proofRows(p domain.Proof) []proofRow {
	return []proofRow{
		{"Users", p.Mirror.Users, p.Shadow.Users, p.Added.Users, p.Changed.Users, p.Removed.Users},
		{"Groups", p.Mirror.Groups, p.Shadow.Groups, p.Added.Groups, p.Changed.Groups, p.Removed.Groups},
		{"Memberships", p.Mirror.Memberships, p.Shadow.Memberships, p.Added.Memberships, p.Changed.Memberships, p.Removed.Memberships},
	}
}

func exampleGroups(p domain.Proof) []exampleGroup {
	groups := []exampleGroup{
		{Title: "Removed", Mark: "−", Class: "minus", Total: p.Removed.Total()},
		{Title: "Changed", Mark: "~", Class: "tilde", Total: p.Changed.Total()},
		{Title: "Added", Mark: "+", Class: "plus", Total: p.Added.Total()},
	}
	var found []exampleGroup
	for _, g := range groups {
		for _, d := range p.Examples {
			if d.Change != strings.ToLower(g.Title) {
				continue
			}
			e := exampleOf(d)
			g.Examples = append(g.Examples, e)
		}
		if g.Total > 0 {
			found = append(found, g)
		}
	}
	return found
}

// exampleOf names what changes. A membership has no name of its own, and an
// object need not have one.
func exampleOf(d domain.Difference) example {
	e := example{Name: d.Name, Kind: d.Kind, ID: d.ObjectID, Fields: strings.Join(d.Fields, ", ")}
	switch {
	case d.Name != "":
	case d.Kind == "membership":
		e.Name, e.Kind = "A membership", ""
	default:
		e.Name, e.Kind = "A "+d.Kind, "without a name"
	}
	if d.MemberID != "" {
		e.ID += ", member " + d.MemberID
	}
	return e
}

// cutOverStep shows the switch and the first synchronization.
type cutOverStep struct {
	Bound  bool
	Moves  []move
	Read   int64
	Total  int64
	Run    bool
	Since  time.Time
	Budget string
}

// move is one part of the switch. State: done, now or next.
type move struct {
	Title, Hint, State string
}

func newCutOverStep(v service.ViewMigration, now time.Time) *cutOverStep {
	m, r := v.Migration, v.Run
	s := &cutOverStep{
		Bound: v.Integration.Binding == domain.BoundConnector, Since: m.PhaseSince.Time, Total: v.Proof.Shadow.Total(),
		Budget: left(v.Campaign.Terms.FirstSync.Std()),
	}
	s.Run = r.ID != "" && !r.StartedAt.Before(m.PhaseSince.Time)
	s.Moves = []move{
		{"The old synchronization is stopped", "A running one ends at its next slice", "now"},
		{"The integration is bound to the connector", "Settings and schedule stay as they are; how it was is kept", "next"},
		{"First synchronization", "Everything but removals is applied; removals are held back", "next"},
	}
	if s.Bound {
		s.Moves[0].State, s.Moves[1].State, s.Moves[2].State = "done", "done", "now"
	}
	if s.Run {
		s.Read = r.Read
		s.Moves[2].Hint = "Running for " + took(service.Took(r, now)) + ". " + s.Moves[2].Hint
	}
	return s
}

// Share is how far the first synchronization is.
func (s cutOverStep) Share() int64 { return min(s.Read, s.Total) }
