package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

// account chooses whose page it is: the one the address names, else the
// caller's own. Somebody of several, and an operator, chooses first.
func (p *Pages) account(c echo.Context) (id string, chosen bool) {
	if id = c.QueryParam("account"); id != "" {
		return id, true
	}
	if own := p.caller(c).Accounts(); len(own) > 0 {
		return own[0], true
	}
	return "", false
}

func toAccounts(c echo.Context) error { return c.Redirect(http.StatusSeeOther, "/accounts") }

func (p *Pages) getAccounts(c echo.Context) error {
	text := strings.TrimSpace(c.QueryParam("q"))
	list, more, err := p.service.ViewAccounts(c.Request().Context(), p.caller(c), text, accountsShown)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, pageAccounts, p.accountsPage(p.caller(c), list, more, text))
}

func (p *Pages) getConnectors(c echo.Context) error {
	id, chosen := p.account(c)
	if !chosen {
		return toAccounts(c)
	}
	v, err := p.service.ViewConnectors(c.Request().Context(), p.caller(c), id)
	if err != nil {
		return err
	}
	page := p.connectorsPage(p.caller(c), v, selfOf(c))
	page.joined(c, p.caller(c), id, "the account "+v.Account.Name)
	return p.render(c, http.StatusOK, pageConnectors, page)
}

// postLeaving takes back the request to delete the account.
func (p *Pages) postLeaving(c echo.Context) error {
	id, chosen := p.account(c)
	if !chosen {
		return toAccounts(c)
	}
	if _, err := p.service.WithdrawDeletion(c.Request().Context(), p.caller(c), id); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/connectors?account="+url.QueryEscape(id))
}

func (p *Pages) getMigration(c echo.Context) error {
	v, err := p.service.ViewMigration(c.Request().Context(), p.caller(c), c.Param("id"))
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, pageMigration, p.migrationPage(p.caller(c), v))
}

// postMigration takes the wizard's forms; the pressed button says which.
func (p *Pages) postMigration(c echo.Context) error {
	id, do := c.Param("id"), c.FormValue("do")
	if do == "consent" {
		start, err := p.service.BeginConsent(c.Request().Context(), p.caller(c), id)
		if err != nil {
			return p.refusedMigration(c, id, do, err)
		}
		return c.Redirect(http.StatusSeeOther, start.Path)
	}
	if do == "again" {
		return p.startAgain(c, id)
	}
	kind, detail, err := p.decisionOf(c, do)
	if err != nil {
		return p.refusedMigration(c, id, do, err)
	}
	d, err := p.service.GiveDecision(c.Request().Context(), p.caller(c), c.FormValue("key"), id, kind, detail)
	if err == nil && d.State == domain.DecisionRefused && !comparesAgain(do, d.Code) {
		err = domain.Refuse(domain.Conflict, d.Code, "%s", d.Reason)
	}
	if err != nil {
		return p.refusedMigration(c, id, do, err)
	}
	return c.Redirect(http.StatusSeeOther, "/migrations/"+id)
}

// comparesAgain reports whether a refusal is what the button asked for: one that
// says to compare again approves nothing, and its refusal makes the comparison
// anew.
func comparesAgain(do, code string) bool {
	return do == "compare" && (code == migration.ProofUsed || code == migration.ProofTooOld)
}

// startAgain opens the next attempt of an integration whose last one was
// cancelled or rolled back.
func (p *Pages) startAgain(c echo.Context, id string) error {
	v, err := p.service.ViewMigration(c.Request().Context(), p.caller(c), id)
	if err != nil {
		return err
	}
	m, err := p.service.StartMigration(c.Request().Context(), p.caller(c), v.Integration.ID)
	if err != nil {
		return p.refusedMigration(c, id, "again", err)
	}
	return c.Redirect(http.StatusSeeOther, "/migrations/"+m.ID)
}

// decisionOf reads a form. What it refuses is about the form itself, such as a
// box that has to be ticked; the rules are the command's.
func (p *Pages) decisionOf(c echo.Context, do string) (domain.DecisionKind, domain.DecisionDetail, error) {
	switch do {
	case "describe":
		return domain.DecideDescribe, domain.DecisionDetail{Description: c.FormValue("description"), GoOnIfUnchanged: c.FormValue("go-on") != ""}, nil
	case "approve":
		if c.FormValue("differs") != "" && c.FormValue("checked") == "" {
			return "", domain.DecisionDetail{}, domain.InvalidField("checked", "Tick the box to confirm that you have looked at the differences")
		}
		return domain.DecideApprove, domain.DecisionDetail{ProofID: c.FormValue("proof")}, nil
	case "compare":
		return domain.DecideApprove, domain.DecisionDetail{ProofID: c.FormValue("proof"), CompareAgain: true}, nil
	case "refuse":
		reason := strings.TrimSpace(c.FormValue("reason"))
		return domain.DecideRefuse, domain.DecisionDetail{ProofID: c.FormValue("proof"), Reason: reason}, migration.CheckReason(domain.DecideRefuse, reason)
	case "cancel":
		if c.FormValue("sure") == "" {
			return "", domain.DecisionDetail{}, domain.InvalidField("sure", "Tick the box to confirm that the migration is to be cancelled")
		}
		return domain.DecideCancel, domain.DecisionDetail{Reason: strings.TrimSpace(c.FormValue("reason"))}, nil
	case "roll-back":
		reason := strings.TrimSpace(c.FormValue("reason"))
		if err := migration.CheckReason(domain.DecideRollBack, reason); err != nil {
			return "", domain.DecisionDetail{}, err
		}
		if c.FormValue("sure") == "" {
			return "", domain.DecisionDetail{}, domain.InvalidField("sure", "Tick the box to confirm that the integration goes back to its old app")
		}
		return domain.DecideRollBack, domain.DecisionDetail{Reason: reason}, nil
	case "removed":
		if c.FormValue("way-back") != "" && c.FormValue("understood") == "" {
			return "", domain.DecisionDetail{}, domain.InvalidField("understood", "Tick the box to confirm that the way back may be closed")
		}
		return domain.DecideCleanUp, domain.DecisionDetail{Removed: true}, nil
	case "keep":
		return domain.DecideCleanUp, domain.DecisionDetail{Removed: false}, nil
	}
	return "", domain.DecisionDetail{}, domain.InvalidField("do", "This page does not know that form. Load it again and try once more.")
}

// refusedMigration shows the page again with what was refused and what was
// typed. What does not exist, or may not be done, is an error page.
func (p *Pages) refusedMigration(c echo.Context, id, do string, cause error) error {
	if !shown(cause) {
		return cause
	}
	v, err := p.service.ViewMigration(c.Request().Context(), p.caller(c), id)
	if err != nil {
		return err
	}
	page := p.migrationPage(p.caller(c), v)
	page.Refused = &refusal{Message: sentence(cause)}
	field := ""
	if refused, ok := errors.AsType[*domain.Error](cause); ok {
		field = refused.Field
	}
	switch {
	case do == "describe" && page.Describe != nil:
		page.Describe.Value, page.Describe.GoOn = c.FormValue("description"), c.FormValue("go-on") != ""
		if field == "description" {
			page.Describe.Error, page.Refused.Field = sentence(cause), field
		}
	case page.Approve != nil && field == "checked":
		page.Approve.CheckError, page.Refused.Field = sentence(cause), field
	case page.Approve != nil && do == "refuse":
		page.Approve.Reason, page.Refused.Field = c.FormValue("reason"), "reason"
		page.Approve.ReasonError = sentence(cause)
	case page.Cancel != nil && do == "cancel":
		page.Cancel.Reason, page.Cancel.Sure = c.FormValue("reason"), c.FormValue("sure") != ""
		switch field {
		case "sure":
			page.Cancel.TickError, page.Refused.Field = sentence(cause), field
		case "reason":
			page.Cancel.ReasonError, page.Refused.Field = sentence(cause), "cancel-reason"
		}
	case page.Receipt != nil && page.Receipt.RollBack != nil && do == "roll-back":
		back := page.Receipt.RollBack
		back.Open, back.Reason, back.Sure = true, c.FormValue("reason"), c.FormValue("sure") != ""
		switch field {
		case "reason":
			back.ReasonError, page.Refused.Field = sentence(cause), field
		case "sure":
			back.TickError, page.Refused.Field = sentence(cause), field
		}
	case page.Receipt != nil && field == "understood":
		page.Receipt.TickError, page.Refused.Field = sentence(cause), field
	}
	page.Title = "Error: " + page.Title
	return p.render(c, statusOf(cause), pageMigration, page)
}

// shown reports whether a refusal belongs on the page it was sent from.
func shown(err error) bool {
	switch domain.KindOf(err) {
	case domain.Invalid, domain.Conflict, domain.Forbidden, domain.Gone:
		return true
	default:
		return false
	}
}

func (p *Pages) getSync(c echo.Context) error {
	id, chosen := p.account(c)
	if !chosen {
		return toAccounts(c)
	}
	v, err := p.service.ViewSync(c.Request().Context(), p.caller(c), id)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, pageSync, p.syncPage(p.caller(c), v, selfOf(c)))
}

// postSync starts a run from the overview.
func (p *Pages) postSync(c echo.Context) error {
	integrationID := c.FormValue("integration")
	_, cause := p.service.SynchronizeNow(c.Request().Context(), p.caller(c), integrationID)
	if cause == nil {
		return c.Redirect(http.StatusSeeOther, selfOf(c))
	}
	account, chosen := p.account(c)
	if !shown(cause) || !chosen {
		return cause
	}
	v, err := p.service.ViewSync(c.Request().Context(), p.caller(c), account)
	if err != nil {
		return err
	}
	page := p.syncPage(p.caller(c), v, selfOf(c))
	refuseSync(&page.layout, cause)
	for n := range page.Integrations {
		if page.Integrations[n].ID == integrationID {
			page.Integrations[n].Refused = page.Refused
		}
	}
	return p.render(c, statusOf(cause), pageSync, page)
}

func (p *Pages) getIntegration(c echo.Context) error {
	v, err := p.service.ViewIntegration(c.Request().Context(), p.caller(c), c.Param("id"))
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, pageIntegration, p.integrationPage(p.caller(c), v))
}

// postIntegration takes the forms of the integration's own page: another client
// secret of its old app, or the start of a run.
func (p *Pages) postIntegration(c echo.Context) error {
	secret := c.FormValue("do") == "replace-secret"
	cause := p.doIntegration(c, secret)
	if cause == nil {
		return c.Redirect(http.StatusSeeOther, "/directory-sync/"+c.Param("id"))
	}
	if !shown(cause) {
		return cause
	}
	v, err := p.service.ViewIntegration(c.Request().Context(), p.caller(c), c.Param("id"))
	if err != nil {
		return err
	}
	page := p.integrationPage(p.caller(c), v)
	refuseSync(&page.layout, cause)
	if secret {
		page.Refused.Field = page.Secret.refuse(c, cause)
	} else {
		page.Card.Refused = page.Refused
	}
	return p.render(c, statusOf(cause), pageIntegration, page)
}

func (p *Pages) doIntegration(c echo.Context, secret bool) error {
	ctx, caller, id := c.Request().Context(), p.caller(c), c.Param("id")
	if !secret {
		_, err := p.service.SynchronizeNow(ctx, caller, id)
		return err
	}
	order, err := secretOrder(c)
	if err == nil {
		_, err = p.service.ReplaceLegacySecret(ctx, caller, c.FormValue("key"), id, order)
	}
	return err
}

func refuseSync(l *layout, cause error) {
	l.Refused = &refusal{Message: sentence(cause)}
	l.Title = "Error: " + l.Title
}
