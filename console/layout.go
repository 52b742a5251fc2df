package console

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// layout is what every page has around its subject. Pages embed it.
type layout struct {
	Product string
	Title   string    // of the page, without the product's name
	Self    string    // the page's own GET address, which a live page asks again
	Events  string    // "": the page is not live
	Seq     int64     // of the change log: what the page shows is true up to here
	Section string    // of the main navigation
	AsOf    time.Time // of everything on the page that names no other moment; zero: it shows nothing that changes
	Account *accountHead
	Person  *personHead
	Leaving *leaving // nil: the account stays
	Needed  *needed  // nil: no actions are needed
	Refused *refusal
	Joined  string // of an invitation that was just accepted: what it gave
}

// accountHead says whose page it is.
type accountHead struct {
	Name     string
	Region   string
	Query    string // keeps the account when somebody of several follows a link
	Others   []accountLink
	Operator bool
}

type accountLink struct {
	Name, Region, Address string
	Current               bool
}

// personHead is who looks at it.
type personHead struct {
	Name     string
	Role     string
	SignOut  string
	Operator bool
	Temporal bool // and there is a way to the Temporal UI
}

// needed is the content of "Actions needed".
type needed struct {
	Tone       string
	Count      int
	Reconnects []reconnect
	Tasks      []task
}

// leaving is what every page of an account says that is to be deleted.
type leaving struct {
	allowed
	Action     string
	By         string
	Since, Due time.Time
}

func newLeaving(caller domain.Caller, v service.ViewShell) *leaving {
	if v.Leaving.State != domain.DeletionPending {
		return nil
	}
	l := &leaving{
		Action: "/leaving?account=" + url.QueryEscape(v.Account.ID), By: cmp.Or(v.LeavingBy, "Somebody who has no role here any more"),
		Since: v.Leaving.RequestedAt.Time, Due: v.Leaving.DueAt.Time,
	}
	l.May = caller.Operator() || caller.Has(domain.RoleApprove, v.Account.ID)
	if !l.May {
		l.Role, l.Who = string(domain.RoleApprove), v.Keepers
	}
	return l
}

// reconnect is a connector in use that lost its consent.
type reconnect struct {
	ID, Name, Address string
	Since             time.Time
}

// refusal is why a form was not accepted. Field is the id of the field to go to.
type refusal struct {
	Message string
	Field   string
}

// Problem reports whether the page says that something sent was refused; such a
// page is not morphed while somebody corrects it.
func (l layout) Problem() bool { return l.Refused != nil }

// status is a word with its tone: ok, info, warn, bad or "". Moving marks what
// goes on by itself.
type status struct {
	Word   string
	Tone   string
	Moving bool
}

// task is a migration that has something to do, as lists show it.
type task struct {
	ID           string
	Name         string
	TenantDomain string
	Address      string
	Users        int64
	AsOf         time.Time
	Status       status
	Explain      string // last fault in words
	Code         string
	Step         int
	StepName     string
	Verb         string
	Due          time.Time // zero: no date is in force
	DueWords     string
	DueTone      string
	Overdue      bool
	Stopped      bool // by the date
	OnHold       bool // its campaign is paused: it can be looked at, and nobody is asked for it
}

// newLayout makes the surroundings of an account's page.
func (p *Pages) newLayout(caller domain.Caller, v service.ViewShell, title, section, self string) layout {
	now := p.now()
	l := layout{
		Product: p.product, Title: title, Self: self, Section: section, Seq: v.Seq, AsOf: now,
		Events: p.events + "?accountId=" + url.QueryEscape(v.Account.ID),
		Person: p.personHead(caller, v.Account.ID),
		Account: &accountHead{
			Name: v.Account.Name, Region: regionWords(v.Account.Region), Operator: caller.Operator(),
		},
	}
	if caller.Operator() || len(v.Accounts) > 1 {
		l.Account.Query = "?account=" + url.QueryEscape(v.Account.ID)
	}
	if len(v.Accounts) > 1 {
		for _, a := range v.Accounts {
			l.Account.Others = append(l.Account.Others, accountLink{
				Name: a.Name, Region: regionWords(a.Region), Address: "/connectors?account=" + url.QueryEscape(a.ID), Current: a.ID == v.Account.ID,
			})
		}
	}
	l.Leaving = newLeaving(caller, v)
	tasks := newTasks(v.Needed(), now)
	if count := len(tasks) + len(v.Reconnects); count > 0 {
		l.Needed = &needed{Tasks: tasks, Count: count, Tone: "warn"}
		for _, r := range v.Reconnects {
			l.Needed.Tone = "bad" // it reads nothing until somebody acts
			l.Needed.Reconnects = append(l.Needed.Reconnects, reconnect{
				ID: r.Connector.ID, Name: r.Connector.Name, Address: "/connectors/" + r.Connector.ID, Since: r.Connector.ConditionSince.Time,
			})
		}
		if slices.ContainsFunc(tasks, func(t task) bool { return t.DueTone == "bad" }) {
			l.Needed.Tone = "bad"
		}
	}
	return l
}

// joined says what an invitation gave that was just accepted. The address only
// asks for it: the role is the one the caller has.
func (l *layout) joined(c echo.Context, caller domain.Caller, accountID, whose string) {
	if role := roleWords(roleIn(caller, accountID)); c.QueryParam("joined") != "" && role != "" {
		l.Joined = "You accepted the invitation to " + whose + ". Your role here: " + role + "."
	}
}

func (p *Pages) personHead(caller domain.Caller, accountID string) *personHead {
	if caller.Kind != domain.CallerPerson {
		return nil
	}
	return &personHead{Name: cmp.Or(caller.Name, "Signed in"), Role: roleWords(roleIn(caller, accountID)), SignOut: p.signOut, Operator: caller.Operator(), Temporal: caller.Operator() && p.temporal != ""}
}

// roleIn is the strongest role the caller has where the page is.
func roleIn(caller domain.Caller, accountID string) domain.Role {
	for _, r := range []domain.Role{domain.RoleApprove, domain.RoleMigrate, domain.RoleView} {
		if caller.Has(r, accountID) {
			return r
		}
	}
	if caller.Operator() {
		return domain.RoleOperator
	}
	return ""
}

// regionWords writes the short codes of regions, such as "eu", as people do.
func regionWords(region string) string {
	if len(region) <= 3 {
		return strings.ToUpper(region)
	}
	return region
}

func roleWords(r domain.Role) string {
	switch r {
	case domain.RoleApprove:
		return "May migrate and approve"
	case domain.RoleMigrate:
		return "May migrate"
	case domain.RoleView:
		return "May look"
	case domain.RoleOperator:
		return "Operator"
	}
	return ""
}

func newTasks(list []service.ViewTask, now time.Time) []task {
	tasks := make([]task, 0, len(list))
	for _, t := range list {
		tasks = append(tasks, newTask(t, now))
	}
	return tasks
}

func newTask(v service.ViewTask, now time.Time) task {
	m, i := v.Migration, v.Integration
	step := stepOf(v)
	t := task{
		ID: m.ID, Name: i.Name, TenantDomain: i.TenantDomain, Address: "/migrations/" + m.ID,
		Users: i.Users, AsOf: i.LastSyncedAt.Time, Status: statusOfMigration(v), Step: step, StepName: stepTitles[step-1].title,
		Verb: "Continue", Due: v.DateInForce, Overdue: m.Overdue, Stopped: stopped(v), OnHold: v.OnHold(),
	}
	switch {
	case t.OnHold:
		t.Verb = "Open"
	case m.Phase == domain.AwaitingConsent && m.ConsentBeganAt.IsZero() && m.ConsentCode == "":
		t.Verb = "Migrate now"
	}
	switch {
	case m.Phase == domain.AwaitingConsent && m.ConsentCode != "":
		t.Explain, t.Code = cmp.Or(m.ConsentText, migration.Text(m.ConsentCode)), m.ConsentCode
	case m.FailureCode != "" && m.FailureCode != migration.CampaignPaused: // which the page says itself, while it is so
		t.Explain, t.Code = cmp.Or(m.FailureText, migration.Text(m.FailureCode)), m.FailureCode
	case m.WaitingCode != "":
		t.Explain, t.Code = cmp.Or(m.WaitingText, migration.Text(m.WaitingCode)), m.WaitingCode
	}
	t.DueWords, t.DueTone = dueWords(v, now)
	return t
}

// statusOfMigration gives the one word for where a migration stands, which the
// rules of migrations choose, and its tone, which is ours.
func statusOfMigration(v service.ViewTask) status {
	m := v.Migration
	s := status{Word: migration.Status(migration.Facts{
		Migration: m, Paused: v.Campaign.Paused, Bound: v.Integration.Binding == domain.BoundConnector, InForce: v.DateInForce,
	})}
	switch {
	case v.OnHold():
		return s
	case m.Phase.Switched():
		s.Tone = "ok"
	case m.Phase.Ended():
	case m.Phase == domain.AwaitingConsent && m.ConsentCode != "", slices.Contains(wentBack, m.FailureCode) && m.Phase == domain.AwaitingApproval:
		s.Tone = "bad"
	case m.Phase == domain.AwaitingConsent && m.ConsentBeganAt.IsZero():
		s.Tone = "warn"
	default:
		s.Tone = "info"
		s.Moving = m.Phase.NeedsPerson() == ""
	}
	return s
}

// soon is from when on a date is urgent.
const soon = 14 * 24 * time.Hour

// stopped reports whether the date has stopped the old app. Who began a consent
// in time has a while longer.
func stopped(v service.ViewTask) bool { return v.Migration.Overdue && v.GraceUntil.IsZero() }

// dueWords says by when, in the list of actions.
func dueWords(v service.ViewTask, now time.Time) (words, tone string) {
	overdue := "Overdue"
	if v.OnHold() { // a pause moves no date
		overdue = "On hold, nothing to do"
	}
	switch due := v.DateInForce; {
	case stopped(v):
		return overdue + ": synchronization stopped on " + due.UTC().Format("2 Jan 2006, 15:04 UTC"), "bad"
	case v.Migration.Overdue:
		return overdue + ": synchronization stops on " + v.GraceUntil.UTC().Format("2 Jan 2006, 15:04 UTC"), "bad"
	case v.OnHold() && due.IsZero():
		return overdue, ""
	case v.OnHold():
		return overdue + ". The date stays " + due.UTC().Format("2 Jan 2006, 15:04 UTC"), ""
	case due.IsZero():
		return "Without a date at the moment", ""
	default:
		tone = "warn"
		if due.Sub(now) <= soon {
			tone = "bad"
		}
		return "Before " + due.UTC().Format("2 Jan 2006") + ", " + left(due.Sub(now)) + " left", tone
	}
}
