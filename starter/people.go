package main

import (
	"net/http"
	"net/url"
)

type peopleGroup struct {
	List     peopleList     `cmd:"" help:"Who holds which role."`
	Invite   peopleInvite   `cmd:"" help:"Give somebody a role: an identity at once, or by a link that is good once."`
	Role     peopleRole     `cmd:"" help:"Change somebody's role in an account."`
	Revoke   peopleRevoke   `cmd:"" help:"Take somebody's role; sessions end at once, and the tokens that he may no longer issue."`
	Invited  peopleInvited  `cmd:"" help:"Invitations by link, open and past."`
	Withdraw peopleWithdraw `cmd:"" help:"End the link of an invitation."`
}

type access struct {
	PersonID  string `json:"personId"`
	Name      string `json:"name"`
	Issuer    string `json:"issuer"`
	Subject   string `json:"subject"`
	AccountID string `json:"accountId"`
	Role      string `json:"role"`
	GrantedAt moment `json:"grantedAt"`
	GivenBy   string `json:"grantedByName"`
	SignedIn  moment `json:"signedInAt"`
}

type peopleList struct {
	Account string `type:"id" placeholder:"ID" help:"Only those of this account."`
}

func (c *peopleList) Run(e *env) error {
	all, doc, err := listAll[access](e, "/people?"+accountQuery(c.Account))
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		var rows [][]string
		for _, a := range all.Items {
			rows = append(rows, []string{a.PersonID, a.Name, or(a.AccountID, "(vendor)"), a.Role, a.GrantedAt.String(), or(a.GivenBy, "-"), a.SignedIn.String(), a.Subject})
		}
		e.out.table("PERSON|NAME|ACCOUNT|ROLE|SINCE|INVITED BY|LAST SIGN-IN|SUBJECT", rows)
		e.out.say("as of %s", all.AsOf)
	})
}

type peopleInvite struct {
	Name    string   `arg:"" help:"What the person is called here."`
	Account string   `type:"id" placeholder:"ID" help:"The account; an operator of the vendor has none, and --role operator says that it is meant."`
	Role    string   `placeholder:"ROLE" help:"view, migrate or approve in an account; operator for one of the vendor's. Nothing is assumed."`
	Issuer  string   `placeholder:"URL" help:"Issuer of the identity; with --subject. Without both, a link is made."`
	Subject string   `help:"Subject of the identity; for Entra tenant id/object id. E-mail addresses open nothing."`
	For     lifetime `default:"72h" help:"How long a link works, for example 12h or 7d; at most 14d."`
}

func (c *peopleInvite) Run(e *env) error {
	var wrong mistakes
	order := map[string]any{"name": c.Name, "role": wrong.roleOf(c.Account, c.Role)}
	ends := wrong.lifetime("--for", c.For)
	if (c.Issuer == "") != (c.Subject == "") {
		wrong.add("--issuer and --subject", "", "they go together")
	}
	if err := wrong.failure(); err != nil {
		return err
	}
	given := accessGiven(c.Name, c.Account, c.Role, c.For)
	given["issuer"], given["subject"] = argument{"--issuer", c.Issuer}, argument{"--subject", c.Subject}
	if c.Account != "" {
		order["accountId"] = c.Account
	}
	if c.Issuer != "" {
		order["issuer"], order["subject"] = c.Issuer, c.Subject
		var a access
		doc, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/people", body: order, given: given}, &a)
		if err != nil {
			return err
		}
		return e.out.answer(doc, a.PersonID, func() { e.out.say("%s (%s) has the role %s.", a.Name, a.PersonID, a.Role) })
	}
	order["expiresAt"] = ends
	var i invitation
	doc, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/invitations", body: order, given: given}, &i)
	if err != nil {
		return err
	}
	return e.out.answer(doc, i.Link, func() {
		e.out.say("%s", i.Link)
		e.out.note("Give this link to %s alone: whoever opens it first and signs in has the role %s. It is shown only now, and ends %s (invitation %s).", i.Name, i.Role, i.ExpiresAt, i.ID)
	})
}

type peopleRole struct {
	Person  string `arg:"" type:"id" help:"Id of the person."`
	Role    string `arg:"" enum:"view,migrate,approve" help:"The new role: view, migrate or approve."`
	Account string `required:"" type:"id" placeholder:"ID" help:"The account."`
}

func (c *peopleRole) Run(e *env) error {
	var a access
	doc, err := e.api.call(e.ctx, request{method: http.MethodPut, path: "/people/" + url.PathEscape(c.Person) + "/role", body: map[string]any{"accountId": c.Account, "role": c.Role}}, &a)
	if err != nil {
		return err
	}
	return e.out.answer(doc, a.PersonID, func() { e.out.say("%s (%s) has the role %s in %s.", a.Name, a.PersonID, a.Role, a.AccountID) })
}

type peopleRevoke struct {
	Person  string `arg:"" type:"id" help:"Id of the person."`
	Account string `type:"id" placeholder:"ID" help:"The account in which the person has the role."`
	Role    string `placeholder:"operator" help:"In place of an account: the role of an operator of the vendor."`
}

func (c *peopleRevoke) Run(e *env) error {
	if (c.Account == "") != (c.Role == "operator") {
		return usage("--account or --role operator", c.Role, "say which role is taken: the one in an account with --account ID, or that of an operator of the vendor with --role operator")
	}
	path := "/people/" + url.PathEscape(c.Person) + "/role"
	if c.Account != "" {
		path += "?" + accountQuery(c.Account)
	}
	if _, err := e.api.call(e.ctx, request{method: http.MethodDelete, path: path}, nil); err != nil {
		return err
	}
	return e.out.answer(map[string]string{"personId": c.Person, "accountId": c.Account, "state": "revoked"}, c.Person, func() {
		e.out.say("%s has no role in %s any more.", c.Person, or(c.Account, "the vendor's operations"))
	})
}

type invitation struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	AccountID  string `json:"accountId"`
	Role       string `json:"role"`
	ExpiresAt  moment `json:"expiresAt"`
	RedeemedAt moment `json:"redeemedAt"`
	RedeemedBy string `json:"redeemedBy"`
	InvitedBy  string `json:"invitedBy"`
	ByName     string `json:"invitedByName"`
	Redeemer   string `json:"redeemedByName"`
	RevokedAt  moment `json:"revokedAt"`
	Link       string `json:"link"`
}

type peopleInvited struct {
	Account string `type:"id" placeholder:"ID" help:"Only those of this account."`
}

func (c *peopleInvited) Run(e *env) error {
	all, doc, err := listAll[invitation](e, "/invitations?"+accountQuery(c.Account))
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		var rows [][]string
		for _, i := range all.Items {
			state := "open until " + i.ExpiresAt.String()
			switch {
			case !i.RedeemedAt.IsZero():
				state = "used " + i.RedeemedAt.String() + " by " + or(i.Redeemer, i.RedeemedBy)
			case !i.RevokedAt.IsZero():
				state = "withdrawn " + i.RevokedAt.String()
			case !all.AsOf.Before(i.ExpiresAt.Time):
				state = "ended " + i.ExpiresAt.String()
			}
			rows = append(rows, []string{i.ID, i.Name, or(i.AccountID, "(vendor)"), i.Role, or(i.ByName, i.InvitedBy), state})
		}
		e.out.table("INVITATION|NAME|ACCOUNT|ROLE|INVITED BY|STATE", rows)
		e.out.say("as of %s", all.AsOf)
	})
}

type peopleWithdraw struct {
	Invitation string `arg:"" type:"id" help:"Id of the invitation."`
}

func (c *peopleWithdraw) Run(e *env) error {
	var i invitation
	doc, err := e.api.call(e.ctx, request{method: http.MethodDelete, path: "/invitations/" + url.PathEscape(c.Invitation)}, &i)
	if err != nil {
		return err
	}
	return e.out.answer(doc, i.ID, func() {
		if !i.RedeemedAt.IsZero() {
			e.out.say("Too late: the link was used %s by %s. `consentry people revoke` takes the role.", i.RedeemedAt, i.RedeemedBy)
			return
		}
		e.out.say("The link works no more, since %s.", i.RevokedAt)
	})
}
