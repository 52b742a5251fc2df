package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

type accountGroup struct {
	List    accountList    `cmd:"" help:"The accounts that this token sees."`
	Show    accountShow    `cmd:"" help:"One account: its integrations, and what its people have to do."`
	Delete  accountDelete  `cmd:"" help:"Ask to delete an account with everything held for it, after the waiting time (role approve of the account, or an operator)."`
	Undo    accountUndo    `cmd:"" help:"Take the request to delete an account back, before its date."`
	Receipt accountReceipt `cmd:"" help:"How the deletion of an account stands; once it is done, what was deleted and what is kept until when."`
}

type account struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Region   string   `json:"region"`
	TimeZone string   `json:"timeZone"`
	Domains  []string `json:"domains"`
}

type accountList struct{}

func (c *accountList) Run(e *env) error {
	all, doc, err := listAll[account](e, "/accounts")
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		var rows [][]string
		for _, a := range all.Items {
			rows = append(rows, []string{a.ID, a.Name, a.Region, a.TimeZone, strings.Join(a.Domains, ", ")})
		}
		e.out.table("ACCOUNT|NAME|REGION|TIME ZONE|DOMAINS", rows)
		e.out.say("as of %s", all.AsOf)
	})
}

type accountShow struct {
	Account string `arg:"" type:"id" help:"Id of the account."`
}

func (c *accountShow) Run(e *env) error {
	path := "/accounts/" + url.PathEscape(c.Account)
	var a account
	head, err := e.api.get(e.ctx, path, &a)
	if err != nil {
		return err
	}
	var needed struct {
		Actions []struct {
			Title string `json:"title"`
			Why   string `json:"why"`
			Due   moment `json:"due"`
		} `json:"actions"`
	}
	actions, err := e.api.get(e.ctx, path+"/actions", &needed)
	if err != nil {
		return err
	}
	var d deletion
	leaving, err := e.api.get(e.ctx, path+"/deletion", &d)
	if err != nil {
		return err
	}
	all, integrations, err := listAll[integration](e, "/integrations?"+accountQuery(c.Account))
	if err != nil {
		return err
	}
	return e.out.answer(map[string]any{"account": head, "actions": actions, "deletion": leaving, "integrations": integrations}, a.ID, func() {
		e.out.say("%s (%s), as of %s", a.Name, a.ID, all.AsOf)
		e.out.facts("Region", a.Region, "Time zone", a.TimeZone, "Domains", strings.Join(a.Domains, ", "), "Leaving", d.state())
		e.out.say("")
		e.out.integrations(all)
		if len(needed.Actions) == 0 {
			e.out.say("\nNobody of the account has to do anything.")
			return
		}
		e.out.say("\nTo do for the people of the account:")
		for _, one := range needed.Actions {
			due := ""
			if !one.Due.IsZero() {
				due = ", before " + one.Due.String()
			}
			e.out.say("  %s%s", one.Title, due)
			if one.Why != "" {
				e.out.say("    %s", one.Why)
			}
		}
	})
}

// deletion is the request to delete an account and, once it is done, the receipt.
type deletion struct {
	State         string           `json:"state"`
	RequestedBy   string           `json:"requestedBy"`
	RequestedName string           `json:"requestedByName"`
	RequestedAt   moment           `json:"requestedAt"`
	Due           moment           `json:"due"`
	WithdrawnBy   string           `json:"withdrawnBy"`
	WithdrawnName string           `json:"withdrawnByName"`
	WithdrawnAt   moment           `json:"withdrawnAt"`
	BeganAt       moment           `json:"beganAt"`
	FinishedAt    moment           `json:"finishedAt"`
	Deleted       map[string]int64 `json:"deleted"`
	EvidenceUntil moment           `json:"evidenceUntil"`
	AsOf          moment           `json:"asOf"`
	Kept          []struct {
		ConnectorID   string `json:"connectorId"`
		TenantID      string `json:"tenantId"`
		ApplicationID string `json:"applicationId"`
		Until         moment `json:"until"`
	} `json:"kept"`
}

func (d deletion) state() string {
	switch d.State {
	case "none":
		return "no: nobody has asked to delete it"
	case "pending":
		return fmt.Sprintf("to be deleted on %s, asked for on %s by %s", d.Due, d.RequestedAt, or(d.RequestedName, d.RequestedBy))
	case "withdrawn":
		return fmt.Sprintf("no: the request was taken back on %s by %s", d.WithdrawnAt, or(d.WithdrawnName, d.WithdrawnBy))
	case "deleting":
		return "being deleted since " + d.BeganAt.String()
	case "deleted":
		return fmt.Sprintf("deleted on %s, asked for on %s by %s", d.FinishedAt, d.RequestedAt, or(d.RequestedName, d.RequestedBy))
	}
	return d.State
}

type accountDelete struct {
	Account string `arg:"" type:"id" help:"Id of the account."`
	Yes     bool   `help:"Do not ask for the account's name first; for scripts."`
}

func (c *accountDelete) Run(e *env) error {
	path := "/accounts/" + url.PathEscape(c.Account)
	var a account
	if _, err := e.api.get(e.ctx, path, &a); err != nil {
		return err
	}
	err := e.confirm(c.Yes, fmt.Sprintf("This asks to delete the account %s (%s) with everything that is held for it. Until its date the request can be taken back.", a.Name, a.ID), a.Name)
	if err != nil {
		return err
	}
	var d deletion
	doc, err := e.api.call(e.ctx, request{method: http.MethodPut, path: path + "/deletion", body: map[string]string{"name": a.Name}, after: aftermath{look: "account show " + a.ID, safe: answersTheSame}}, &d)
	if err != nil {
		return err
	}
	return e.out.answer(doc, a.ID, func() {
		e.out.say("%s is to be deleted on %s. Everything goes on until then; `consentry account undo %s` takes it back.", a.Name, d.Due, a.ID)
	})
}

type accountUndo struct {
	Account string `arg:"" type:"id" help:"Id of the account."`
}

func (c *accountUndo) Run(e *env) error {
	var d deletion
	doc, err := e.api.call(e.ctx, request{method: http.MethodDelete, path: "/accounts/" + url.PathEscape(c.Account) + "/deletion", after: aftermath{look: "account show " + c.Account, safe: answersTheSame}}, &d)
	if err != nil {
		return err
	}
	return e.out.answer(doc, c.Account, func() {
		e.out.say("%s stays: the request was taken back on %s, and nothing was deleted.", c.Account, d.WithdrawnAt)
	})
}

type accountReceipt struct {
	Account string `arg:"" type:"id" help:"Id of the account."`
}

func (c *accountReceipt) Run(e *env) error {
	var d deletion
	doc, err := e.api.get(e.ctx, "/accounts/"+url.PathEscape(c.Account)+"/deletion", &d)
	if err != nil {
		return err
	}
	return e.out.answer(doc, d.State, func() {
		e.out.say("%s: %s (as of %s)", c.Account, d.state(), d.AsOf)
		if len(d.Deleted) > 0 {
			var rows [][]string
			for _, kind := range slices.Sorted(maps.Keys(d.Deleted)) {
				rows = append(rows, []string{kind, strconv.FormatInt(d.Deleted[kind], 10)})
			}
			e.out.say("")
			e.out.table("DELETED|ROWS", rows)
		}
		if len(d.Kept) > 0 {
			var rows [][]string
			for _, k := range d.Kept {
				rows = append(rows, []string{k.ConnectorID, k.TenantID, k.ApplicationID, k.Until.String()})
			}
			e.out.say("\nKept as evidence of consents, ids and dates alone:")
			e.out.table("CONNECTOR|TENANT|OUR APPLICATION THERE|UNTIL", rows)
		}
		if !d.EvidenceUntil.IsZero() {
			e.out.say("\nEvidence and audit of the account are deleted on %s.", d.EvidenceUntil)
		}
	})
}

// confirm has a person type the name of what is to go: what is typed cannot be a
// slip of the finger.
func (e *env) confirm(yes bool, what, name string) error {
	if yes {
		return nil
	}
	if e.line.JSON {
		return usage("--yes", "", "--json asks nobody anything: add --yes if it is meant")
	}
	fmt.Fprintf(e.out.errs, "%s\nType %q to confirm: ", what, name)
	typed, err := interruptible(e.ctx, func() (string, error) { return bufio.NewReader(e.in).ReadString('\n') })
	if e.ctx.Err() != nil {
		return err
	}
	if strings.TrimSpace(typed) != name { // an end of the input is an answer, too: no
		f := usage("the name", "", "that is not "+strconv.Quote(name)+", so nothing was asked for. In a script, --yes confirms it")
		f.sentence, f.told = f.fields[0].Message, true
		return f
	}
	return nil
}

// interruptible reads from somebody who may take his time, unless Ctrl-C comes
// first.
func interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
