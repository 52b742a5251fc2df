package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// listed is a whole list, read part by part.
type listed[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
	AsOf  moment `json:"asOf"`
}

// wholeList is what --json prints of it.
type wholeList struct {
	Items []document `json:"items"`
	AsOf  time.Time  `json:"asOf"`
}

// listAll reads every part of a list; path may carry a query.
func listAll[T any](e *env, path string) (all listed[T], doc wholeList, err error) {
	doc.Items = []document{}
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	for cursor := ""; ; {
		var part listed[T]
		var raw listed[document]
		answer, err := e.api.get(e.ctx, path+sep+url.Values{"limit": {"200"}, "cursor": {cursor}}.Encode(), &part)
		if err == nil {
			err = decode(answer, &raw)
		}
		if err != nil {
			return all, doc, err
		}
		if part.AsOf.IsZero() {
			return all, doc, e.api.stranger(http.StatusOK, "its list does not say as of when")
		}
		all.Items, doc.Items = append(all.Items, part.Items...), append(doc.Items, raw.Items...)
		if cursor == "" {
			all.AsOf, doc.AsOf = part.AsOf, part.AsOf.Time
		}
		if cursor = part.Next; cursor == "" {
			return all, doc, nil
		}
	}
}

type tokenGroup struct {
	Issue  tokenIssue  `cmd:"" help:"Issue a token with one role, at most your own. Its value is shown once."`
	List   tokenList   `cmd:"" help:"List tokens; their values are shown to nobody."`
	Revoke tokenRevoke `cmd:"" help:"End a token at once, with every token and open invitation that was made with it."`
}

type token struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	AccountID  string `json:"accountId"`
	Role       string `json:"role"`
	CreatedBy  string `json:"createdBy"`
	ByName     string `json:"createdByName"`
	CreatedAt  moment `json:"createdAt"`
	ExpiresAt  moment `json:"expiresAt"`
	LastUsedAt moment `json:"lastUsedAt"`
	RevokedAt  moment `json:"revokedAt"`
	Value      string `json:"value"`
}

type tokenIssue struct {
	Name    string   `arg:"" help:"What it is for; unique among the tokens that work."`
	Account string   `type:"id" placeholder:"ID" help:"The account it is for; an operator's token has none, and --role operator says that it is meant."`
	Role    string   `placeholder:"ROLE" help:"view, migrate or approve in an account; operator for one of the vendor's. Nothing is assumed."`
	For     lifetime `placeholder:"TIME" help:"How long it works, for example 12h or 30d; at most 366d. Without it 90 days, or until the token that issues it ends, if that is sooner."`
	Out     string   `placeholder:"FILE" help:"Write the value to this new file, which only you may read, instead of printing it."`
}

func (c *tokenIssue) Run(e *env) error {
	var wrong mistakes
	order := map[string]any{"name": c.Name, "role": wrong.roleOf(c.Account, c.Role)}
	if c.For != "" { // else the server says how long
		order["expiresAt"] = wrong.lifetime("--for", c.For)
	}
	if err := wrong.failure(); err != nil {
		return err
	}
	if c.Account != "" {
		order["accountId"] = c.Account
	}
	var file *os.File
	if c.Out != "" { // before anything is issued: a value that cannot be kept is lost
		var err error
		if file, err = os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return usage("--out", "", unwritable(err))
		}
		defer func() { _ = file.Close() }() // closed and checked below when something was written
	}
	var t token
	doc, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/tokens", body: order, given: accessGiven(c.Name, c.Account, c.Role, c.For), after: aftermath{look: "token list"}}, &t)
	if err != nil {
		if file != nil {
			_ = os.Remove(c.Out) // empty; nothing was issued
		}
		return err
	}
	if file != nil {
		if err := writeLine(file, t.Value); err != nil {
			return fmt.Errorf("the token %s was issued and cannot be written to %s (%w): revoke it", t.ID, c.Out, err)
		}
		return e.out.answer(map[string]any{"id": t.ID, "name": t.Name, "file": c.Out, "expiresAt": t.ExpiresAt}, t.ID, func() {
			e.out.say("Issued %s; its value is in %s.", t.ID, c.Out)
			e.out.facts("Role", t.Role, "Account", t.AccountID, "Ends", t.ExpiresAt.String())
		})
	}
	return e.out.answer(doc, t.Value, func() {
		e.out.say("%s", t.Value)
		e.out.note("This is the only time that the value is shown. Token %s, role %s, ends %s.", t.ID, t.Role, t.ExpiresAt)
	})
}

// accessGiven is what was typed for a token, or for a role of somebody.
func accessGiven(name, account, role string, lasts lifetime) map[string]argument {
	return map[string]argument{
		"name": {"<name>", name}, "accountId": {"--account", account}, "role": {"--role", role}, "expiresAt": {"--for", string(lasts)},
	}
}

func writeLine(f *os.File, line string) error {
	_, err := fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

type tokenList struct {
	Account string `type:"id" placeholder:"ID" help:"Only those of this account."`
	All     bool   `help:"Also those that have ended or were revoked."`
}

func (c *tokenList) Run(e *env) error {
	all, doc, err := listAll[token](e, "/tokens?"+accountQuery(c.Account))
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		var rows [][]string
		for _, t := range all.Items {
			state := "ends " + t.ExpiresAt.String()
			switch {
			case !t.RevokedAt.IsZero():
				state = "revoked " + t.RevokedAt.String()
			case !all.AsOf.Before(t.ExpiresAt.Time):
				state = "ended " + t.ExpiresAt.String()
			}
			if c.All || strings.HasPrefix(state, "ends") {
				rows = append(rows, []string{t.ID, t.Name, or(t.AccountID, "(vendor)"), t.Role, or(t.ByName, t.CreatedBy), state, t.LastUsedAt.String()})
			}
		}
		e.out.table("TOKEN|NAME|ACCOUNT|ROLE|ISSUED BY|STATE|LAST USED", rows)
		e.out.say("as of %s; last use to the hour", all.AsOf)
	})
}

func accountQuery(account string) string {
	if account == "" {
		return ""
	}
	return url.Values{"accountId": {account}}.Encode()
}

type tokenRevoke struct {
	ID string `arg:"" type:"id" help:"Id of the token."`
}

func (c *tokenRevoke) Run(e *env) error {
	var t token
	doc, err := e.api.call(e.ctx, request{method: http.MethodDelete, path: "/tokens/" + url.PathEscape(c.ID), after: aftermath{look: "token list"}}, &t)
	if err != nil {
		return err
	}
	return e.out.answer(doc, t.ID, func() { e.out.say("The token %s (%s) works no more, since %s.", t.ID, t.Name, t.RevokedAt) })
}

type whoamiCommand struct{}

func (c *whoamiCommand) Run(e *env) error {
	var me struct {
		ID       string `json:"id"`
		Kind     string `json:"kind"`
		Name     string `json:"name"`
		Operator bool   `json:"operator"`
		Grants   []struct {
			AccountID string `json:"accountId"`
			Role      string `json:"role"`
		} `json:"grants"`
	}
	doc, err := e.api.get(e.ctx, "/me", &me)
	if err == nil && me.ID == "" {
		err = e.api.stranger(http.StatusOK, "it does not say who asks")
	}
	if err != nil {
		return err
	}
	return e.out.answer(doc, me.ID, func() {
		e.out.say("%s (%s %s) at %s", me.Name, me.Kind, me.ID, e.api.base)
		if me.Operator {
			e.out.say("  operator of the vendor")
		}
		for _, g := range me.Grants {
			e.out.say("  %s in %s", g.Role, g.AccountID)
		}
	})
}
