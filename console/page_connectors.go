package console

import (
	"strings"
	"time"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// connectorsPage lists what has to be migrated and what is connected.
type connectorsPage struct {
	layout
	Campaign   *campaignNote // nil: nothing to migrate
	Tasks      []task
	Total      int // integrations of the account
	Done       []task
	Left       []task // on their old app, with no migration open
	Connectors []connectorRow
}

// campaignNote says why there is something to do, and until when.
type campaignNote struct {
	Tone     string
	Open     int
	Paused   bool      // and every other one is on hold, too
	Stopped  int       // by the date; one whose consent was begun in time goes on a while
	Due      time.Time // zero: no date is in force
	Grace    bool      // a consent that is begun before it keeps synchronization going
	From     time.Time
	Left     string // "31 days"; "" without a date ahead
	LeftN    string // its number alone
	LeftUnit string
	Gone     int // hundredths of the time that have passed
}

type connectorRow struct {
	ID           string
	Name         string
	Description  string
	TenantDomain string
	UsedBy       []string
	Status       status
	Certificate  certificate
	Reconnect    bool      // it reads nothing until somebody consents again
	GoneAt       time.Time // disconnected
}

// certificate is the line every connector shows about its cell's certificate.
type certificate struct {
	Known      bool
	Tail       string // last eight of the thumbprint
	ValidUntil time.Time
	RotatedAt  time.Time
	Tone       string
	Late       string // "" or what is late
}

// The certificate is replaced every day; from then on somebody should look, and
// the customer should know that it is not his to act.
const (
	rotationLate    = 26 * time.Hour
	rotationTooLate = 48 * time.Hour
)

func newCertificate(v service.ViewCertificate, now time.Time) certificate {
	active := v.Active
	if active.ID == "" {
		return certificate{}
	}
	c := certificate{Known: true, Tail: tail(active.Thumbprint), ValidUntil: active.NotAfter.Time, RotatedAt: active.ActivatedAt.Time, Tone: "ok"}
	switch age := now.Sub(active.ActivatedAt.Time); {
	case !now.Before(active.NotAfter.Time):
		c.Tone, c.Late = "bad", "The certificate has expired. We act, you need not."
	case age > rotationTooLate:
		c.Tone, c.Late = "bad", "The daily rotation is late. We act, you need not."
	case age > rotationLate:
		c.Tone, c.Late = "warn", "The daily rotation is late. We act, you need not."
	}
	return c
}

// tail gives the part of a thumbprint that people compare.
func tail(thumbprint string) string {
	t := strings.ToUpper(thumbprint)
	return t[max(0, len(t)-8):]
}

func (p *Pages) connectorsPage(caller domain.Caller, v service.ViewConnectors, self string) connectorsPage {
	now := p.now()
	page := connectorsPage{
		layout:   p.newLayout(caller, v.ViewShell, "Connectors", pageConnectors, self),
		Campaign: newCampaignNote(v.ViewShell, now), Tasks: newTasks(v.Tasks, now), Done: newTasks(v.Done, now), Left: newTasks(v.Left, now), Total: v.Integrations,
	}
	for _, c := range v.Connectors {
		row := connectorRow{
			ID: c.Connector.ID, Name: c.Connector.Name, Description: c.Connector.Description, TenantDomain: c.TenantDomain,
			Status: connectorStatus(c.Connector), Certificate: newCertificate(c.Certificate, now),
			Reconnect: c.Connector.Condition == domain.ConditionError && c.Connector.DisconnectedAt.IsZero(), GoneAt: c.Connector.DisconnectedAt.Time,
		}
		for _, i := range c.Integrations {
			row.UsedBy = append(row.UsedBy, i.Name)
		}
		page.Connectors = append(page.Connectors, row)
	}
	return page
}

// connectorStatus says how a connector fares. Before calls have proved it, it
// is not connected to anything.
func connectorStatus(c domain.Connector) status {
	switch {
	case !c.DisconnectedAt.IsZero():
		return status{Word: "Disconnected"}
	case c.ReconnectSession != "":
		return status{Word: "Being checked", Tone: "info", Moving: true}
	case c.Condition == domain.ConditionDisabled:
		return status{Word: "Disabled in your tenant", Tone: "bad"}
	case c.Condition == domain.ConditionError:
		return status{Word: "Needs consent again", Tone: "bad"}
	case c.Condition == domain.ConditionStopped:
		return status{Word: "Stopped", Tone: "warn"}
	case c.ConfirmedAt.IsZero():
		return status{Word: "Being checked", Tone: "info", Moving: true}
	}
	return status{Word: "Connected", Tone: "ok"}
}

// newCampaignNote sums up the tasks by the nearest date; they come in its order.
// What is on hold is summed up only where nothing else is to do.
func newCampaignNote(v service.ViewShell, now time.Time) *campaignNote {
	tasks := v.Needed()
	if len(tasks) == 0 {
		tasks = v.Tasks
	}
	if len(tasks) == 0 {
		return nil
	}
	first := tasks[0]
	n := &campaignNote{Tone: "warn", Open: len(tasks), Paused: first.OnHold(), Due: first.DateInForce, Grace: first.Campaign.Terms.ConsentGrace > 0, From: first.Campaign.Terms.AvailableFrom.Time}
	for _, t := range tasks {
		if stopped(t) {
			n.Stopped++
		}
	}
	if remaining := n.Due.Sub(now); !n.Due.IsZero() && remaining > 0 {
		n.Left = left(remaining)
		n.LeftN, n.LeftUnit, _ = strings.Cut(n.Left, " ")
		if whole := n.Due.Sub(n.From); whole > 0 && !n.From.IsZero() {
			n.Gone = min(100, max(0, int(100*now.Sub(n.From)/whole)))
		}
		if remaining <= soon {
			n.Tone = "bad"
		}
	}
	switch {
	case n.Stopped > 0, !n.Paused && !n.Due.IsZero() && n.Left == "":
		n.Tone = "bad"
	case n.Paused:
		n.Tone = "plain"
	}
	return n
}
