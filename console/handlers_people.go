package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
	"consentry/internal/service"
)

func (p *Pages) getPeople(c echo.Context) error {
	id, chosen := p.account(c)
	if !chosen {
		return toAccounts(c)
	}
	return p.showAccess(c, id, http.StatusOK, nil)
}

func (p *Pages) postPeople(c echo.Context) error {
	id, chosen := p.account(c)
	if !chosen {
		return toAccounts(c)
	}
	return p.changeAccess(c, id)
}

func (p *Pages) getOperators(c echo.Context) error  { return p.showAccess(c, "", http.StatusOK, nil) }
func (p *Pages) postOperators(c echo.Context) error { return p.changeAccess(c, "") }

// showAccess renders the page as it stands now; also changes what is said of a
// form that was just sent.
func (p *Pages) showAccess(c echo.Context, accountID string, code int, also func(*peoplePage)) error {
	v, err := p.service.ViewAccess(c.Request().Context(), p.caller(c), accountID)
	if err != nil {
		return err
	}
	page := p.peoplePage(p.caller(c), v, selfOf(c))
	if accountID == "" {
		page.joined(c, p.caller(c), "", "the vendor's operations")
	}
	if also != nil {
		also(&page)
	}
	return p.render(c, code, pagePeople, page)
}

// changeAccess takes the page's forms; the pressed button says which. What is
// shown once is in the answer to the form itself: it is in no address, and no
// browser keeps the page.
func (p *Pages) changeAccess(c echo.Context, accountID string) error {
	do, id := c.FormValue("do"), c.FormValue("id")
	once, cause := p.access(c, accountID, do, id)
	switch {
	case cause == nil && once == nil:
		return c.Redirect(http.StatusSeeOther, selfOf(c))
	case cause == nil:
		c.Response().Header().Set("Cache-Control", "no-store")
		return p.showAccess(c, accountID, http.StatusOK, func(page *peoplePage) { page.Once = once })
	case !shown(cause) && !domain.IsNotFound(cause):
		return cause
	}
	field := ""
	if refused, ok := errors.AsType[*domain.Error](cause); ok {
		field = refused.Field
	}
	return p.showAccess(c, accountID, statusOf(cause), func(page *peoplePage) {
		page.Refused = &refusal{Message: sentence(cause)}
		page.Title = "Error: " + page.Title
		switch do {
		case "invite":
			page.Refused.Field = page.Invite.refuse(c, do, field, sentence(cause))
		case "issue":
			page.Refused.Field = page.Issue.refuse(c, do, field, sentence(cause))
		case "remove":
			if n := slices.IndexFunc(page.People, func(r personRow) bool { return r.ID == id }); n >= 0 && field == "sure" {
				page.Refused.Field = page.People[n].refuse(id, cause)
			}
		case "end":
			if n := slices.IndexFunc(page.Tokens, func(r tokenRow) bool { return r.ID == id }); n >= 0 && field == "sure" {
				page.Refused.Field = page.Tokens[n].refuse(id, cause)
			}
		}
	})
}

func (f *rowForm) refuse(id string, cause error) string {
	f.Open, f.Error = true, sentence(cause)
	return "sure-" + id
}

// refuse keeps what was typed, and gives the id of the field to go to.
func (f *accessForm) refuse(c echo.Context, do, field, message string) string {
	if f == nil {
		return ""
	}
	f.Name = c.FormValue("name")
	choose(f.Roles, c.FormValue("role"))
	choose(f.Days, c.FormValue("days"))
	if field == "name" {
		f.NameError = message
		return do + "-name"
	}
	f.Error = message
	return ""
}

func choose(list []option, value string) {
	if !slices.ContainsFunc(list, func(c option) bool { return c.Value == value }) {
		return
	}
	for n := range list {
		list[n].Chosen = list[n].Value == value
	}
}

// access gives the command of a form. What it refuses itself is about the form,
// such as a box that has to be ticked; the rules are the command's.
func (p *Pages) access(c echo.Context, accountID, do, id string) (*shownOnce, error) {
	ctx, caller := c.Request().Context(), p.caller(c)
	role := domain.Role(c.FormValue("role"))
	if accountID == "" {
		role = domain.RoleOperator
	}
	switch do {
	case "invite":
		until, err := p.until(c, invitationDays)
		if err != nil {
			return nil, err
		}
		made, err := p.service.Invite(ctx, caller, service.InvitationOrder{Name: c.FormValue("name"), AccountID: accountID, Role: role, ExpiresAt: until})
		if err != nil {
			return nil, err
		}
		return &shownOnce{
			Heading: "The invitation for " + made.Invitation.Name, Until: made.Invitation.ExpiresAt.Time, Value: p.invitationLink(made.Value),
			Words: "Give this link to that person alone: whoever opens it first and signs in has the role. It is good once.",
		}, nil
	case "issue":
		until, err := p.until(c, tokenDays)
		if err != nil {
			return nil, err
		}
		issued, err := p.service.IssueToken(ctx, caller, service.TokenOrder{Name: c.FormValue("name"), AccountID: accountID, Role: role, ExpiresAt: until})
		if err != nil {
			return nil, err
		}
		return &shownOnce{
			Heading: "The token " + issued.Token.Name, Until: issued.Token.ExpiresAt.Time, Value: issued.Value,
			Words: "Put it where the program reads it. Whoever has it can do what its role may.",
		}, nil
	case "role":
		_, err := p.service.ChangeRole(ctx, caller, id, accountID, role)
		return nil, err
	case "remove":
		if c.FormValue("sure") == "" {
			return nil, domain.InvalidField("sure", "Tick the box to confirm that the role is to be taken")
		}
		return nil, p.service.RevokePerson(ctx, caller, id, accountID)
	case "withdraw":
		i, err := p.service.WithdrawInvitation(ctx, caller, id)
		if err == nil && !i.RedeemedAt.IsZero() {
			err = domain.Refuse(domain.Conflict, "invitation-spent", "Too late: the link was used. The person is in the list below; take the role there.")
		}
		return nil, err
	case "end":
		if c.FormValue("sure") == "" {
			return nil, domain.InvalidField("sure", "Tick the box to confirm that the token is to end")
		}
		_, err := p.service.RevokeToken(ctx, caller, id)
		return nil, err
	}
	return nil, domain.InvalidField("do", "This page does not know that form. Load it again and try once more.")
}

// until reads for how many days something is to work.
func (p *Pages) until(c echo.Context, choices []option) (domain.Instant, error) {
	value := c.FormValue("days")
	days, err := strconv.Atoi(value)
	if err != nil || !slices.ContainsFunc(choices, func(c option) bool { return c.Value == value }) {
		return domain.Instant{}, domain.InvalidField("expiresAt", "Choose how long it is to work")
	}
	return domain.At(p.now().Add(time.Duration(days) * 24 * time.Hour)), nil
}
