package main

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type explanation struct {
	IntegrationID string   `json:"integrationId"`
	MigrationID   string   `json:"migrationId"`
	Phase         string   `json:"phase"`
	Sentence      string   `json:"sentence"`
	Status        string   `json:"status"`
	Who           string   `json:"who"`
	CanAct        []string `json:"canAct"`
	NeedsPerson   bool     `json:"needsPerson"`
	NextAt        moment   `json:"nextAt"`
	Facts         []fact   `json:"facts"`
	AsOf          moment   `json:"asOf"`
}

func (e *env) explanationOf(integration string) (x explanation, doc document, err error) {
	doc, err = e.api.get(e.ctx, "/integrations/"+url.PathEscape(integration)+"/explanation", &x)
	return x, doc, e.noIntegration(integration, err)
}

type explainCommand struct {
	Integration string `arg:"" type:"id" help:"Id of the integration."`
}

func (c *explainCommand) Run(e *env) error {
	x, doc, err := e.explanationOf(c.Integration)
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		e.out.say("%s", x.Sentence)
		if e.line.Quiet {
			return
		}
		pairs := []string{"Status", x.Status}
		if len(x.CanAct) > 0 {
			pairs = append(pairs, "People who can act", strings.Join(x.CanAct, ", "))
		}
		for _, f := range x.Facts {
			pairs = append(pairs, f.Name, f.Value)
		}
		e.out.say("")
		e.out.facts(append(pairs, "As of", x.AsOf.String())...)
	})
}

type migrateCommand struct {
	Integration string `arg:"" type:"id" help:"Id of the integration."`
	Wait        bool   `help:"Wait until it is migrated, or until a person has to act (exit code 7)."`
}

func (c *migrateCommand) Run(e *env) error {
	var m struct {
		ID string `json:"id"`
	}
	_, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/integrations/" + url.PathEscape(c.Integration) + "/migrations", after: aftermath{look: "explain " + c.Integration, safe: "a migration that is open is the answer"}}, &m)
	if err != nil {
		return e.noIntegration(c.Integration, err)
	}
	x, doc, err := e.explanationOf(c.Integration)
	if err != nil {
		return err
	}
	for said := x.Sentence; c.Wait && waiting(x); {
		e.out.show("%s (as of %s)", x.Status, x.AsOf)
		if err := e.pause(); err != nil {
			return err
		}
		err := e.patiently(func() (err error) { x, doc, err = e.explanationOf(c.Integration); return err })
		if err != nil {
			return err
		}
		if x.Sentence != said {
			e.out.note("%s", x.Sentence)
			said = x.Sentence
		}
	}
	e.out.clear()
	if err := e.out.answer(doc, m.ID, func() { e.out.say("%s", x.Sentence); e.out.facts("Migration", m.ID, "As of", x.AsOf.String()) }); err != nil {
		return err
	}
	switch {
	case !c.Wait:
		return nil
	case x.NeedsPerson:
		return &failure{exit: exitWaits, said: true}
	case x.Phase == "Cancelled" || x.Phase == "RolledBack":
		return &failure{exit: exitRefused, said: true}
	}
	return nil
}

// waiting reports whether the migration goes on by itself.
func waiting(x explanation) bool {
	switch x.Phase {
	case "", "Migrated", "CleanUp", "Closed", "RolledBack", "Cancelled":
		return false
	}
	return !x.NeedsPerson
}

// pollEvery is how often something that goes on by itself is looked at.
const pollEvery = time.Second

// pause waits for the next look, unless Ctrl-C comes first.
func (e *env) pause() error {
	t := time.NewTimer(pollEvery)
	defer t.Stop()
	select {
	case <-e.ctx.Done():
		return e.ctx.Err()
	case <-t.C:
		return nil
	}
}

// patiently repeats a look while nobody answers: a restart of the API does not
// end a wait.
func (e *env) patiently(look func() error) error {
	for tries := 0; ; tries++ {
		err := look()
		if f, ok := errors.AsType[*failure](err); !ok || f.exit != exitUnavailable || tries == awayPatience {
			return err
		}
		e.out.step("nobody answers at the moment …")
		if err := e.pause(); err != nil {
			return err
		}
	}
}

// awayPatience is how many looks may find nobody.
const awayPatience = 120

type cancelCommand struct {
	Integration string `arg:"" type:"id" help:"Id of the integration."`
	Reason      string `help:"Why; kept with the decision."`
}

func (c *cancelCommand) Run(e *env) error {
	return e.decide(c.Integration, map[string]any{"kind": "cancel", "reason": c.Reason}, map[string]argument{"reason": {"--reason", c.Reason}})
}

type rollBackCommand struct {
	Integration string `arg:"" type:"id" help:"Id of the integration."`
	Reason      string `required:"" help:"Why; kept with the decision."`
}

func (c *rollBackCommand) Run(e *env) error {
	return e.decide(c.Integration, map[string]any{"kind": "roll-back", "reason": c.Reason}, map[string]argument{"reason": {"--reason", c.Reason}})
}

type decision struct {
	ID      string   `json:"id"`
	State   string   `json:"state"`
	Refusal *refusal `json:"refusal"`
}

type refusal struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// decide gives a decision on the open migration of an integration, and says how
// it came out. Each call is a decision of its own: its key only makes sending it
// again harmless.
func (e *env) decide(integration string, asked map[string]any, given map[string]argument) error {
	var i struct {
		Migration *struct {
			ID string `json:"id"`
		} `json:"migration"`
	}
	if _, err := e.api.get(e.ctx, "/integrations/"+url.PathEscape(integration), &i); err != nil {
		return e.noIntegration(integration, err)
	}
	if i.Migration == nil && asked["kind"] == "extend" {
		return &failure{exit: exitRefused, code: "no-migration", sentence: "No migration of this integration is open, and a date of its own belongs to one, so there is nothing to extend. `consentry explain " + integration + "` says where it stands; where it is still on its old app, `consentry migrate " + integration + "` begins one."}
	}
	if i.Migration == nil {
		return &failure{exit: exitRefused, code: "no-migration", sentence: "No migration of this integration is open, so there is nothing to decide. `consentry explain " + integration + "` says where it stands."}
	}
	d, doc, err := e.give(integration, i.Migration.ID, asked, given)
	if err != nil {
		return err
	}
	err = e.out.answer(doc, d.ID, func() {
		if d.State == "given" {
			e.out.say("The decision %s is given and waits for the engine to apply it.", d.ID)
			return
		}
		e.out.say("Done (decision %s).", d.ID)
		if date, ok := asked["deadline"].(time.Time); ok {
			e.out.say("Its own date is %s.", untilWords(moment{date}))
		}
	})
	if err == nil && d.State == "given" {
		return &failure{exit: exitWaits, said: true}
	}
	if err == nil && !e.line.JSON && !e.line.Quiet {
		if x, _, xerr := e.explanationOf(integration); xerr == nil {
			e.out.say("%s", x.Sentence)
		}
	}
	return err
}

// give gives a decision on a migration and waits a while for its end; one that is
// refused is a failure.
func (e *env) give(integration, migration string, asked map[string]any, given map[string]argument) (d decision, doc document, err error) {
	doc, err = e.api.call(e.ctx, request{method: http.MethodPost, path: "/migrations/" + url.PathEscape(migration) + "/decisions", body: asked, key: "cli-" + rand.Text(), given: given, after: aftermath{
		look: "explain " + integration, safe: "a decision that was carried out is refused the second time, and changes nothing more",
	}}, &d)
	if err != nil {
		return d, doc, err
	}
	for tries := 0; d.State == "given" && tries < decisionPatience; tries++ {
		e.out.show("the decision is given and not yet applied")
		if err := e.pause(); err != nil {
			return d, doc, err
		}
		if doc, err = e.api.get(e.ctx, "/decisions/"+url.PathEscape(d.ID), &d); err != nil {
			return d, doc, stillGiven(d.ID, integration, err)
		}
	}
	e.out.clear()
	if d.State != "refused" {
		return d, doc, nil
	}
	f := &failure{exit: exitRefused, code: "refused", sentence: "The decision was refused."}
	if d.Refusal != nil {
		f.code, f.sentence = d.Refusal.Code, d.Refusal.Text
	}
	return d, doc, f
}

// stillGiven says of a decision whose outcome could not be waited for that it
// stands.
func stillGiven(id, integration string, err error) error {
	if f, ok := errors.AsType[*failure](err); ok && f.exit == exitUnavailable {
		f.sentence = "The decision " + id + " is given and is carried out all the same; only its outcome could not be waited for. `consentry explain " + integration + "` shows it. " + f.sentence
	}
	return err
}

// decisionPatience is how many looks a given decision gets before the command
// says that it waits.
const decisionPatience = 20
