package console

import (
	"cmp"
	"time"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// syncPage is the overview of an account's directory synchronizations.
type syncPage struct {
	layout
	Integrations []integrationCard
	History      []run
}

// integrationPage is one of them with its history and its holds.
type integrationPage struct {
	layout
	Card     integrationCard
	Secret   *secretCard // nil: it has no old app, or none any more
	TenantID string
	Settings []string
	History  []run
	Held     []held
	HeldMore int
}

// integrationCard is how one directory synchronization fares.
type integrationCard struct {
	ID           string
	Name         string
	Address      string
	TenantDomain string
	Binding      string // in words
	Connector    *usedBy
	Users        int64
	Groups       int64
	Memberships  int64
	AsOf         time.Time
	Frozen       bool // stopped: the figures stay as they are
	LastRun      *run
	OpenRun      *run
	NextAt       time.Time
	EveryWords   string
	Status       status
	Problem      string // sentence: error, stopped, overdue
	ProblemTone  string
	Secret       *secretNote // of the old app; nil: nothing to say
	Migration    *task
	Holds        int
	Sync         *syncForm // nil: this person may not start a run
	Own          bool      // shown on the integration's own page
	Refused      *refusal
}

// syncForm is the button that starts a run.
type syncForm struct {
	Action string // the page's own address
	ID     string
	Name   string
}

// run is one line of the history.
type run struct {
	ID          string
	Integration string // "" on the integration's own page
	Kind        string
	Full        bool
	StartedAt   time.Time
	Took        string
	Read        int64
	Added       int64
	Changed     int64
	Removed     int64
	Held        int64
	Status      status
	Text        string
	Code        string
}

// held is one change that a guard keeps until a person decides.
type held struct {
	What     string
	ObjectID string
	MemberID string
	Reason   string
	Since    time.Time
}

func newRun(r domain.SyncRun, integration string, now time.Time) run {
	return run{
		ID: r.ID, Integration: integration, Kind: cmp.Or(purposeWords[r.Purpose], string(r.Purpose)), Full: r.Full,
		StartedAt: r.StartedAt.Time, Took: took(service.Took(r, now)),
		Read: r.Read, Added: r.Added, Changed: r.Changed, Removed: r.Removed, Held: r.Held,
		Status: runStatus(r), Text: r.Text, Code: r.Code,
	}
}

func (p *Pages) newCard(caller domain.Caller, v service.ViewIntegration, self string) integrationCard {
	i, now := v.Integration, p.now()
	c := integrationCard{
		ID: i.ID, Name: i.Name, Address: "/directory-sync/" + i.ID, TenantDomain: i.TenantDomain,
		Binding: "Legacy app", Users: i.Users, Groups: i.Groups, Memberships: i.Memberships, AsOf: i.LastSyncedAt.Time,
		NextAt: i.NextDueAt.Time, EveryWords: everyWords(i.Schedule), Holds: v.Holds, Status: status{Word: "On schedule", Tone: "ok"},
	}
	if i.Binding == domain.BoundConnector {
		c.Binding, c.Connector = "Connector", &usedBy{Name: v.Connector.Name, Address: "/connectors/" + v.Connector.ID}
	} else if v.Legacy.Name != "" {
		c.Binding = "Legacy app “" + v.Legacy.Name + "”"
	}
	if v.LastRun.ID != "" {
		r := newRun(v.LastRun, "", now)
		c.LastRun = &r
	}
	if v.OpenRun.ID != "" {
		r := newRun(v.OpenRun, "", now)
		c.OpenRun = &r
	}
	if m := v.Task.Migration; m.ID != "" && !m.Phase.Switched() {
		t := newTask(v.Task, now)
		c.Migration = &t
	}
	cardCondition(&c, v)
	c.Secret = newSecretNote(i, v.Secret, self == c.Address)
	if caller.Has(domain.RoleMigrate, i.AccountID) {
		c.Sync = &syncForm{Action: self, ID: i.ID, Name: i.Name}
	}
	return c
}

// cardCondition chooses the one thing to say first: a stop by the date is
// final until the migration is done, an error passes or needs somebody.
func cardCondition(c *integrationCard, v service.ViewIntegration) {
	i := v.Integration
	switch {
	case i.Condition == domain.ConditionStopped:
		c.Status, c.Frozen, c.ProblemTone = status{Word: "Stopped", Tone: "bad"}, true, "bad"
		c.Problem = cmp.Or(i.ConditionText, "The date for migrating has passed, so synchronization through the old app is stopped. Nothing is deleted; completing the migration starts it again.")
		if v.Task.OnHold() {
			c.Problem += " The migration is on hold, so nothing is to be done here before we resume it."
		}
	case i.Condition == domain.ConditionError:
		c.Status, c.ProblemTone = status{Word: "Error", Tone: "bad"}, "bad"
		c.Problem = cmp.Or(i.ConditionText, "The last round did not succeed. What was read before stays as it is, and the next round tries again.")
	case i.Condition == domain.ConditionDisabled:
		c.Status, c.Frozen, c.ProblemTone = status{Word: "Switched off"}, true, "plain"
		c.Problem = cmp.Or(i.ConditionText, "Somebody switched this synchronization off.")
	case c.OpenRun != nil:
		c.Status = status{Word: "Running", Tone: "info", Moving: true}
	case c.LastRun == nil && i.LastSyncedAt.IsZero():
		c.Status = status{Word: "Not synchronized yet"}
	case c.LastRun != nil && v.LastRun.State == domain.RunError:
		c.Status = status{Word: "Last round failed", Tone: "warn"}
	}
}

func everyWords(s domain.SyncSchedule) string {
	if s.Every <= 0 && s.TimesADay > 0 {
		if s.TimesADay == 1 {
			return "once a day"
		}
		return number(int64(s.TimesADay)) + " times a day"
	}
	return "every " + left(s.Interval())
}

func (p *Pages) syncPage(caller domain.Caller, v service.ViewSync, self string) syncPage {
	page := syncPage{layout: p.newLayout(caller, v.ViewShell, "Directory synchronization", pageSync, self)}
	names := map[string]string{}
	for _, i := range v.Integrations {
		names[i.Integration.ID] = i.Integration.Name
		page.Integrations = append(page.Integrations, p.newCard(caller, i, self))
	}
	for _, r := range v.History {
		page.History = append(page.History, newRun(r, names[r.IntegrationID], p.now()))
	}
	return page
}

func (p *Pages) integrationPage(caller domain.Caller, v service.ViewSyncPage) integrationPage {
	i := v.Integration
	self := "/directory-sync/" + i.ID
	page := integrationPage{
		layout: p.newLayout(caller, v.ViewShell, i.Name, pageSync, self),
		Card:   p.newCard(caller, v.ViewIntegration, self), TenantID: i.TenantID,
	}
	page.Card.Own = true
	page.Secret = newSecretCard(caller, v)
	page.Settings = append(page.Settings, choice(i.Settings.IncludeGuests, "Guests are included", "Guests are left out"))
	page.Settings = append(page.Settings, choice(i.Settings.IncludeDisabled, "Disabled accounts are included", "Disabled accounts are left out"))
	for _, r := range v.History {
		page.History = append(page.History, newRun(r, "", p.now()))
	}
	for _, h := range v.Held {
		page.Held = append(page.Held, held{
			What: heldWords[h.Operation+" "+h.Kind], ObjectID: h.ObjectID, MemberID: h.MemberID, Reason: h.Reason, Since: h.CreatedAt.Time,
		})
	}
	page.HeldMore = max(0, v.Holds-len(v.Held))
	return page
}

func choice(yes bool, then, otherwise string) string {
	if yes {
		return then
	}
	return otherwise
}

var heldWords = map[string]string{
	"remove user":       "Remove a user",
	"disable user":      "Disable a user",
	"remove group":      "Remove a group",
	"remove membership": "Take a member out of a group",
}
