package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"
)

type campaignGroup struct {
	Start      campaignStart      `cmd:"" help:"Open a migration for each legacy integration of the campaign's region, whose date counts for it from then on; again: only where none is open."`
	Status     campaignStatus     `cmd:"" help:"How far the migrations are, and who is stuck and can act; without an id, the list of campaigns."`
	Extend     campaignExtend     `cmd:"" help:"Move the campaign's deadline."`
	Pause      campaignPause      `cmd:"" help:"Begin no switch until the campaign is resumed; nothing else stops, and the deadline stays."`
	Resume     campaignResume     `cmd:"" help:"Let switches begin again."`
	KillSwitch campaignKillSwitch `cmd:"" name:"kill-switch" help:"Stop enforcing the deadline at once, or enforce it again."`
}

type campaign struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Region    string          `json:"region"`
	Version   int64           `json:"version"`
	Terms     json.RawMessage `json:"terms"`
	Paused    bool            `json:"paused"`
	StartedAt moment          `json:"startedAt"`
	Phases    map[string]int  `json:"phases"`
	Overdue   int             `json:"overdue"`
}

// dates are the terms that are shown.
func (c campaign) dates() (d struct {
	AvailableFrom moment `json:"availableFrom"`
	Deadline      moment `json:"deadline"`
	KillSwitch    bool   `json:"killSwitch"`
}) {
	_ = json.Unmarshal(c.Terms, &d) // came as part of an answer that was read
	return d
}

func (c campaign) state(now time.Time) string {
	switch d := c.dates(); {
	case c.StartedAt.IsZero():
		return "not started"
	case c.Paused:
		return "paused"
	case d.KillSwitch:
		return "running, deadline not enforced"
	case !now.Before(d.Deadline.Time):
		return "deadline passed"
	}
	return "running"
}

type campaignStart struct {
	ID string `arg:"" type:"id" help:"Id of the campaign."`
}

func (c *campaignStart) Run(e *env) error {
	var started struct {
		Opened  int `json:"opened"`
		Already int `json:"already"`
	}
	doc, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/campaigns/" + url.PathEscape(c.ID) + "/start", after: aftermath{look: "campaign status " + c.ID, safe: "it opens a migration only where none is open"}}, &started)
	if err != nil {
		return err
	}
	return e.out.answer(doc, c.ID, func() {
		e.out.say("Started. Migrations opened: %d; open before: %d.", started.Opened, started.Already)
	})
}

type campaignStatus struct {
	ID    string `arg:"" optional:"" type:"id" help:"Id of the campaign; without it all are listed."`
	Limit int    `default:"20" help:"How many of those that wait for a person are shown, the most urgent first."`
}

// waitingMigration is one migration that goes on only when a person acts.
type waitingMigration struct {
	IntegrationID string `json:"integrationId"`
	Name          string `json:"name"`
	AccountName   string `json:"accountName"`
	Status        string `json:"status"`
	Since         moment `json:"since"`
	Overdue       bool   `json:"overdue"`
	Who           string `json:"who"`
	DateInForce   moment `json:"dateInForce"`
}

func (c *campaignStatus) Run(e *env) error {
	if c.ID == "" {
		return listCampaigns(e)
	}
	path := "/campaigns/" + url.PathEscape(c.ID)
	var one campaign
	head, err := e.api.get(e.ctx, path, &one)
	if err != nil {
		return err
	}
	var waits struct {
		Items []waitingMigration `json:"items"`
		Total int                `json:"total"`
		AsOf  moment             `json:"asOf"`
	}
	rest, err := e.api.call(e.ctx, request{
		method: http.MethodGet, path: path + "/waiting?limit=" + strconv.Itoa(c.Limit), given: map[string]argument{"query.limit": {"--limit", strconv.Itoa(c.Limit)}},
	}, &waits)
	if err != nil {
		return err
	}
	return e.out.answer(map[string]document{"campaign": head, "waiting": rest}, "", func() {
		d := one.dates()
		e.out.say("%s (%s): %s, as of %s", one.Name, one.ID, one.state(waits.AsOf.Time), waits.AsOf)
		e.out.facts("Region", one.Region, "Available from", d.AvailableFrom.String(), "Deadline", d.Deadline.String(), "Version", strconv.FormatInt(one.Version, 10),
			"Overdue", strconv.Itoa(one.Overdue))
		e.out.say("")
		e.out.table("PHASE|MIGRATIONS", phaseRows(one.Phases))
		if waits.Total == 0 {
			e.out.say("\nNobody has to act.")
			return
		}
		e.out.say("\n%d wait for a person; the most urgent first:", waits.Total)
		var rows [][]string
		for _, w := range waits.Items {
			date := w.DateInForce.String()
			if w.Overdue {
				date += " (overdue)"
			}
			rows = append(rows, []string{w.IntegrationID, w.AccountName, w.Status, w.Since.String(), date, w.Who})
		}
		e.out.table("INTEGRATION|ACCOUNT|STATUS|SINCE|DATE|WHO CAN ACT", rows)
	})
}

// phases is the order of the road.
var phases = []string{
	"AwaitingConsent", "ConfirmingConsent", "AwaitingDescription", "Proving", "AwaitingApproval", "CuttingOver", "Migrated", "CleanUp", "Closed", "RolledBack", "Cancelled",
}

func phaseRows(counts map[string]int) [][]string {
	var names []string
	total := 0
	for name, n := range counts {
		names, total = append(names, name), total+n
	}
	place := func(name string) int {
		if i := slices.Index(phases, name); i >= 0 {
			return i
		}
		return len(phases)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(place(a)-place(b), cmp.Compare(a, b)) })
	var rows [][]string
	for _, name := range names {
		rows = append(rows, []string{name, strconv.Itoa(counts[name])})
	}
	return append(rows, []string{"(all)", strconv.Itoa(total)})
}

func listCampaigns(e *env) error {
	all, doc, err := listAll[campaign](e, "/campaigns")
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		var rows [][]string
		for _, c := range all.Items {
			rows = append(rows, []string{c.ID, c.Name, c.Region, c.dates().Deadline.String(), c.state(all.AsOf.Time)})
		}
		e.out.table("CAMPAIGN|NAME|REGION|DEADLINE|STATE", rows)
		e.out.say("as of %s", all.AsOf)
	})
}

type campaignExtend struct {
	ID    string `arg:"" type:"id" help:"Id of the campaign."`
	Until string `required:"" placeholder:"DATE" help:"The new deadline: 2026-12-24 (to the end of that day, UTC), \"2026-12-24 18:00\" (UTC), or RFC 3339. An earlier one than the present needs --earlier."`
	// A slip of the finger must not stop thousands of synchronizations.
	Earlier bool `help:"Yes, the new deadline is earlier."`
}

func (c *campaignExtend) Run(e *env) error {
	until, err := parseDate("--until", c.Until)
	if err != nil {
		return err
	}
	return e.changeCampaign(c.ID, map[string]argument{"terms.deadline": {"--until", c.Until}}, func(now campaign, terms map[string]any) (paused bool, err error) {
		// A date that has passed is left to the API, which says that it makes no sense.
		if d := now.dates().Deadline; until.Before(d.Time) && !c.Earlier && until.After(e.api.now()) {
			return false, &failure{exit: exitRefused, code: "deadline-earlier", sentence: fmt.Sprintf("The present deadline is %s, which is later than %s. If it is meant to come earlier, add --earlier.", d, untilWords(moment{until}))}
		}
		if !until.Equal(now.dates().Deadline.Time) {
			terms["deadline"] = until.UTC()
		}
		return now.Paused, nil
	})
}

type campaignPause struct {
	ID string `arg:"" type:"id" help:"Id of the campaign."`
}

func (c *campaignPause) Run(e *env) error {
	return e.changeCampaign(c.ID, nil, func(campaign, map[string]any) (bool, error) { return true, nil })
}

type campaignResume struct {
	ID string `arg:"" type:"id" help:"Id of the campaign."`
}

func (c *campaignResume) Run(e *env) error {
	return e.changeCampaign(c.ID, nil, func(campaign, map[string]any) (bool, error) { return false, nil })
}

type campaignKillSwitch struct {
	ID    string `arg:"" type:"id" help:"Id of the campaign."`
	State string `arg:"" enum:"on,off" help:"on: the deadline stops nobody; off: it is enforced again, also where it has passed."`
}

func (c *campaignKillSwitch) Run(e *env) error {
	return e.changeCampaign(c.ID, nil, func(now campaign, terms map[string]any) (bool, error) {
		terms["killSwitch"] = c.State == "on" // always in the terms that were read
		return now.Paused, nil
	})
}

// changeCampaign reads the present edition and sends it back changed. Whoever
// changed it in between is not overwritten: the API refuses an edition made from
// an older one.
func (e *env) changeCampaign(id string, given map[string]argument, change func(now campaign, terms map[string]any) (paused bool, err error)) error {
	path := "/campaigns/" + url.PathEscape(id)
	var now campaign
	read, err := e.api.get(e.ctx, path, &now)
	if err != nil {
		return err
	}
	before, terms := map[string]any{}, map[string]any{}
	if err := errors.Join(json.Unmarshal(now.Terms, &before), json.Unmarshal(now.Terms, &terms)); err != nil {
		return err
	}
	paused, err := change(now, terms)
	if err != nil {
		return err
	}
	if paused == now.Paused && reflect.DeepEqual(before, terms) {
		return e.out.answer(read, id, func() { e.out.say("It is so already; this is still version %d.", now.Version) })
	}
	var then campaign
	doc, err := e.api.call(e.ctx, request{method: http.MethodPut, path: path, body: map[string]any{"version": now.Version, "terms": terms, "paused": paused}, given: given, after: aftermath{look: "campaign status " + id, safe: "what is so already is not changed again"}}, &then)
	if err != nil {
		return err
	}
	return e.out.answer(doc, id, func() {
		e.out.say("Changed; this is version %d.", then.Version)
		deadline := untilWords(then.dates().Deadline)
		if was := untilWords(now.dates().Deadline); was != deadline {
			deadline += " (was " + was + ")"
		}
		e.out.facts("Deadline", deadline, "Paused", strconv.FormatBool(then.Paused), "Deadline enforced", strconv.FormatBool(!then.dates().KillSwitch))
	})
}
