package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"time"
)

type extendCommand struct {
	Integration string `arg:"" optional:"" type:"id" help:"Id of the integration."`
	Account     string `type:"id" placeholder:"ID" help:"In place of an integration: every integration of this account whose migration is open."`
	Until       string `required:"" placeholder:"DATE" help:"The new date, later than the present one: 2026-12-24 (to the end of that day, UTC), \"2026-12-24 18:00\" (UTC), or RFC 3339."`
	Reason      string `help:"Why; kept with the decision."`
}

func (c *extendCommand) Run(e *env) error {
	if (c.Integration == "") == (c.Account == "") {
		return usage("<integration> or --account", "", "name an integration, or with --account ID an account whose migrations all get the date")
	}
	until, err := parseDate("--until", c.Until)
	if err != nil {
		return err
	}
	asked := map[string]any{"kind": "extend", "deadline": until.UTC(), "reason": c.Reason}
	given := map[string]argument{"deadline": {"--until", c.Until}, "reason": {"--reason", c.Reason}}
	if c.Account == "" {
		return e.decide(c.Integration, asked, given)
	}
	return e.extendAccount(c.Account, until, asked, given)
}

type openMigration struct {
	ID            string `json:"id"`
	IntegrationID string `json:"integrationId"`
	Phase         string `json:"phase"`
	Open          bool   `json:"open"`
}

// concernedByDate leaves out what has gone over for good.
func (m openMigration) concernedByDate() bool { return m.Open && m.Phase != "CleanUp" }

// extended is what a date came to for one integration: a decision, or why there
// is none. Neither: it was not asked for, because nobody answered any more.
type extended struct {
	IntegrationID string   `json:"integrationId"`
	MigrationID   string   `json:"migrationId"`
	Decision      document `json:"decision,omitempty"`
	Refusal       *refusal `json:"refusal,omitempty"`

	said string
}

// extendAccount gives each open migration of an account the date. A date belongs
// to its migration, so that each is a decision of its own: one that is refused
// leaves the others alone, and the command may simply be given again.
func (e *env) extendAccount(account string, until time.Time, asked map[string]any, given map[string]argument) error {
	all, _, err := listAll[openMigration](e, "/migrations?"+url.Values{"accountId": {account}}.Encode())
	if err != nil {
		return err
	}
	open := slices.DeleteFunc(all.Items, func(m openMigration) bool { return !m.concernedByDate() })
	slices.SortFunc(open, func(a, b openMigration) int { return cmp.Compare(a.IntegrationID, b.IntegrationID) })
	if len(open) == 0 {
		return &failure{exit: exitRefused, code: "no-migration", sentence: "No migration of the account " + account + " is open before its clean-up, and a date of its own belongs to one, so there is nothing to extend."}
	}
	done := make([]extended, len(open))
	var worst *failure
	for n, m := range open {
		done[n] = extended{IntegrationID: m.IntegrationID, MigrationID: m.ID, said: "not asked for"}
		if worst != nil && !worst.ofOne() {
			continue
		}
		e.out.show("%d of %d: %s", n+1, len(open), m.IntegrationID)
		f := e.extendOne(&done[n], until, asked, given)
		if n == 0 && f != nil && (f.exit == exitUsage || f.exit == exitNotAllowed) {
			return f // which it is for all of them
		}
		if f != nil && (worst == nil || worst.exit == exitWaits || !f.ofOne()) {
			worst = f
		}
	}
	e.out.clear()
	err = e.out.answer(map[string]any{"accountId": account, "deadline": until.UTC(), "items": done}, "", func() {
		var rows [][]string
		for _, x := range done {
			rows = append(rows, []string{x.IntegrationID, x.MigrationID, x.said})
		}
		e.out.table("INTEGRATION|MIGRATION|ITS OWN DATE", rows)
		e.out.say("as of %s", moment{time.Now()})
	})
	if err != nil || worst == nil {
		return err
	}
	return &failure{exit: worst.exit, said: true}
}

// ofOne reports a failure that says nothing of the next migration.
func (f *failure) ofOne() bool { return f.exit == exitRefused || f.exit == exitWaits }

// extendOne gives one migration the date and writes down what that came to; nil:
// it has it.
func (e *env) extendOne(x *extended, until time.Time, asked map[string]any, given map[string]argument) *failure {
	d, doc, err := e.give(x.IntegrationID, x.MigrationID, asked, given)
	if err != nil {
		f := failureOf(err)
		x.Refusal, x.said = &refusal{f.code, f.sentence}, "refused: "+f.sentence
		if f.exit == exitUnavailable {
			x.said = "not known: " + f.sentence
		}
		return f
	}
	x.Decision, x.said = doc, fmt.Sprintf("%s (decision %s)", untilWords(moment{until}), d.ID)
	if d.State == "given" {
		x.said = "given, and waits for the engine to apply it (decision " + d.ID + ")"
		return &failure{exit: exitWaits}
	}
	return nil
}
