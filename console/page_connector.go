package console

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// connectorPage is one connector.
type connectorPage struct {
	layout
	ID            string
	Name          string
	Description   string
	Status        status
	Condition     string // sentence, when it is not well
	TenantID      string
	TenantDomain  string
	ApplicationID string
	Cell          string
	Set           int
	Permissions   []permission
	ConsentedAt   time.Time
	ConsentedBy   string // object id in the customer's tenant
	ConfirmedAt   time.Time
	Certificate   certificate
	ValidFrom     time.Time
	Enrolled      bool
	Rotations     []rotation
	UsedBy        []usedBy
	Reconnect     *reconnectStep // nil: it was disconnected
	MayDisconnect bool
	GoneAt        time.Time // disconnected
	EvidenceUntil time.Time
}

// reconnectStep leads to Microsoft once more for a connector that exists.
type reconnectStep struct {
	form
	allowed
	Needed   bool // it reads nothing until somebody acts; else it is merely possible
	Checking bool
	Since    time.Time
	Host     string
	TenantID string
	Failed   *consentFailure

	Again      string // address that repeats only the second sign-in; "": begin anew
	AgainFresh bool   // with the password, so that a role activated now shows
}

type permission struct {
	Name, Words string
}

type rotation struct {
	Tail        string
	ActivatedAt time.Time
	ValidUntil  time.Time
	Status      status
}

type usedBy struct {
	Name, Address string
}

// newPermissions lists what a set lets us do.
func newPermissions(set int) []permission {
	var list []permission
	for _, name := range domain.PermissionSets[set].Application {
		list = append(list, permission{Name: name, Words: permissionWords[name]})
	}
	return list
}

func (p *Pages) connectorPage(caller domain.Caller, v service.ViewConnectorPage) connectorPage {
	c := v.Connector
	page := connectorPage{
		layout: p.newLayout(caller, v.ViewShell, c.Name, pageConnectors, "/connectors/"+c.ID),
		ID:     c.ID, Name: c.Name, Description: c.Description, Status: connectorStatus(c),
		TenantID: c.TenantID, TenantDomain: v.TenantDomain, ApplicationID: v.Cell.ClientID, Cell: v.Cell.Name,
		Set: c.PermissionSet, Permissions: newPermissions(c.PermissionSet),
		ConsentedAt: c.ConsentedAt.Time, ConsentedBy: c.ConsentedBy, ConfirmedAt: c.ConfirmedAt.Time,
		Certificate: newCertificate(v.Certificate, p.now()), ValidFrom: v.Certificate.Active.NotBefore.Time, Enrolled: !c.EnrolledAt.IsZero(),
	}
	if c.Condition != domain.ConditionOK && c.Condition != "" {
		page.Condition = c.ConditionText
	}
	page.GoneAt, page.EvidenceUntil = c.DisconnectedAt.Time, c.EvidenceUntil.Time
	if c.DisconnectedAt.IsZero() {
		page.Reconnect = p.reconnectStep(caller, v)
		page.MayDisconnect = caller.Has(domain.RoleApprove, c.AccountID)
	}
	for _, r := range v.Certificate.Rotations {
		page.Rotations = append(page.Rotations, rotation{
			Tail: tail(r.Thumbprint), ActivatedAt: r.ActivatedAt.Time, ValidUntil: r.NotAfter.Time, Status: credentialStatus(r.State),
		})
	}
	for _, i := range v.Integrations {
		page.UsedBy = append(page.UsedBy, usedBy{Name: i.Name, Address: "/directory-sync/" + i.ID})
	}
	return page
}

func credentialStatus(s domain.CredentialState) status {
	switch s {
	case domain.CredentialActive:
		return status{Word: "In use", Tone: "ok"}
	case domain.CredentialRetiring:
		return status{Word: "Being retired", Moving: true}
	case domain.CredentialTainted:
		return status{Word: "Withdrawn", Tone: "bad"}
	default: // the others were never in use, and are not listed
		return status{Word: "Retired"}
	}
}

// reconnectStep offers to consent anew, also while nothing is amiss.
func (p *Pages) reconnectStep(caller domain.Caller, v service.ViewConnectorPage) *reconnectStep {
	c := v.Connector
	s := &reconnectStep{
		form: form{Action: "/connectors/" + c.ID}, allowed: mayReconnect(caller, v), Host: p.host, TenantID: c.TenantID,
		Needed: c.Condition == domain.ConditionError, Checking: c.ReconnectSession != "", Since: c.ReconnectSince.Time,
	}
	if c.ReconnectCode != "" {
		s.Failed = &consentFailure{advice: adviceFor(c.ReconnectCode), Sentence: cmp.Or(c.ReconnectText, migration.Text(c.ReconnectCode)), Code: c.ReconnectCode, At: c.UpdatedAt.Time}
	}
	if cs := v.Session; s.Failed != nil && cs.Outcome == domain.ConsentOpen && cs.ExpiresAt.After(p.now()) && cs.Leg == domain.LegSignIn && cs.PersonID == caller.ID {
		s.Again, s.AgainFresh = "/consent/again/"+cs.ID, s.Failed.Fresh
	}
	return s
}

func mayReconnect(caller domain.Caller, v service.ViewConnectorPage) allowed {
	a := allowed{May: caller.Has(domain.RoleMigrate, v.Connector.AccountID), Operator: caller.Operator()}
	if !a.May {
		a.Role, a.Who = string(domain.RoleMigrate), v.Deciders
	}
	return a
}

func (p *Pages) getConnector(c echo.Context) error {
	v, err := p.service.ViewConnector(c.Request().Context(), p.caller(c), c.Param("id"))
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, pageConnector, p.connectorPage(p.caller(c), v))
}

// postConnector takes the forms of a connector's page; the pressed button says
// which.
func (p *Pages) postConnector(c echo.Context) error {
	id, do := c.Param("id"), c.FormValue("do")
	cause := error(domain.InvalidField("do", "This page does not know that form. Load it again and try once more."))
	if do == "disconnect" {
		cause = p.disconnect(c, id)
		if cause == nil {
			return c.Redirect(http.StatusSeeOther, "/connectors/"+id)
		}
	}
	if do == "reconnect" {
		var start service.ConsentStart
		if start, cause = p.service.BeginReconnect(c.Request().Context(), p.caller(c), id); cause == nil {
			return c.Redirect(http.StatusSeeOther, start.Path)
		}
	}
	if !shown(cause) {
		return cause
	}
	v, err := p.service.ViewConnector(c.Request().Context(), p.caller(c), id)
	if err != nil {
		return err
	}
	page := p.connectorPage(p.caller(c), v)
	page.Refused = &refusal{Message: sentence(cause)}
	page.Title = "Error: " + page.Title
	return p.render(c, statusOf(cause), pageConnector, page)
}

// disconnect asks for the connector's name first: what is typed cannot be a slip
// of the finger.
func (p *Pages) disconnect(c echo.Context, id string) error {
	v, err := p.service.ViewConnector(c.Request().Context(), p.caller(c), id)
	if err != nil {
		return err
	}
	if strings.TrimSpace(c.FormValue("name")) != v.Connector.Name {
		return domain.InvalidField("name", "Type the connector's name to disconnect it")
	}
	_, err = p.service.Disconnect(c.Request().Context(), p.caller(c), id)
	return err
}
