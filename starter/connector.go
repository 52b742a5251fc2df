package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

type integration struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	AccountID    string `json:"accountId"`
	TenantID     string `json:"tenantId"`
	TenantDomain string `json:"tenantDomain"`
	Binding      string `json:"binding"`
	ConnectorID  string `json:"connectorId"`
	LastSyncedAt moment `json:"lastSyncedAt"`
	Condition    struct {
		State string `json:"state"`
		Text  string `json:"text"`
	} `json:"condition"`
	Mirror struct {
		Users int64 `json:"users"`
	} `json:"mirror"`
}

type integrationGroup struct {
	List          integrationList `cmd:"" help:"The directory synchronizations that this token sees."`
	ReplaceSecret replaceSecret   `cmd:"" name:"replace-secret" help:"Enter a new client secret of the integration's old app; a synchronization tries it (role migrate of the account, or an operator)."`
}

type integrationList struct {
	Account string `type:"id" placeholder:"ID" help:"Only those of this account."`
}

func (c *integrationList) Run(e *env) error {
	all, doc, err := listAll[integration](e, "/integrations?"+accountQuery(c.Account))
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		e.out.integrations(all)
		e.out.say("as of %s; users as of the last synchronization", all.AsOf)
	})
}

func (p *printer) integrations(all listed[integration]) {
	var rows [][]string
	for _, i := range all.Items {
		rows = append(rows, []string{i.ID, i.Name, i.AccountID, or(i.TenantDomain, i.TenantID), i.Binding, i.Condition.State, strconv.FormatInt(i.Mirror.Users, 10), i.LastSyncedAt.String()})
	}
	p.table("INTEGRATION|NAME|ACCOUNT|TENANT|BOUND TO|CONDITION|USERS|LAST SYNCHRONIZED", rows)
}

type synchronizeCommand struct {
	Integration string `arg:"" type:"id" help:"Id of the integration."`
}

func (c *synchronizeCommand) Run(e *env) error {
	var i integration
	doc, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/integrations/" + url.PathEscape(c.Integration) + "/sync-runs"}, &i)
	if err != nil {
		return e.noIntegration(c.Integration, err)
	}
	return e.out.answer(doc, i.ID, func() {
		last := "never synchronized"
		if !i.LastSyncedAt.IsZero() {
			last = "last synchronized " + i.LastSyncedAt.String()
		}
		e.out.say("Asked for. %s was %s; `consentry get '/sync-runs?integrationId=%s'` shows the runs.", i.Name, last, i.ID)
	})
}

type connectorGroup struct {
	List       connectorList       `cmd:"" help:"The connectors that this token sees."`
	Disconnect connectorDisconnect `cmd:"" help:"Let a connector go that no integration uses any more (role approve of the account)."`
}

type connector struct {
	ID          string `json:"id"`
	AccountID   string `json:"accountId"`
	TenantID    string `json:"tenantId"`
	Name        string `json:"name"`
	CellID      string `json:"cellId"`
	ConfirmedAt moment `json:"confirmedAt"`
	Condition   struct {
		State string `json:"state"`
		Text  string `json:"text"`
	} `json:"condition"`
	DisconnectedAt moment        `json:"disconnectedAt"`
	Integrations   []integration `json:"integrations"`
}

// state says how it fares; what is kept of a disconnected one says nothing of now.
func (c connector) state() string {
	if !c.DisconnectedAt.IsZero() {
		return "disconnected " + c.DisconnectedAt.String()
	}
	return c.Condition.State
}

type connectorList struct {
	Account string `type:"id" placeholder:"ID" help:"Only those of this account."`
}

func (c *connectorList) Run(e *env) error {
	all, doc, err := listAll[connector](e, "/connectors?"+accountQuery(c.Account))
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		var rows [][]string
		for _, one := range all.Items {
			rows = append(rows, []string{one.ID, one.Name, one.AccountID, one.TenantID, one.CellID, one.state(), one.ConfirmedAt.String()})
		}
		e.out.table("CONNECTOR|NAME|ACCOUNT|TENANT|CELL|CONDITION|PROVEN", rows)
		e.out.say("as of %s", all.AsOf)
	})
}

type connectorDisconnect struct {
	Connector string `arg:"" type:"id" help:"Id of the connector."`
	Yes       bool   `help:"Do not ask for the connector's name first; for scripts."`
}

func (c *connectorDisconnect) Run(e *env) error {
	path := "/connectors/" + url.PathEscape(c.Connector)
	var now connector
	if _, err := e.api.get(e.ctx, path, &now); err != nil {
		return err
	}
	var users []string
	for _, i := range now.Integrations {
		users = append(users, i.ID)
	}
	if len(users) == 0 { // else it is refused anyhow, and nobody need type for that
		err := e.confirm(c.Yes, fmt.Sprintf("This disconnects %s (%s) from the tenant %s. What was read through it stays.", now.Name, now.ID, now.TenantID), now.Name)
		if err != nil {
			return err
		}
	}
	var d struct {
		ApplicationID  string `json:"applicationId"`
		DisconnectedAt moment `json:"disconnectedAt"`
		EvidenceUntil  moment `json:"evidenceUntil"`
		SessionsEnded  int    `json:"sessionsEnded"`
		NextStep       string `json:"nextStep"`
	}
	doc, err := e.api.call(e.ctx, request{method: http.MethodDelete, path: path, after: aftermath{look: "connector list", safe: answersTheSame}}, &d)
	if err != nil {
		return err
	}
	return e.out.answer(doc, now.ID, func() {
		e.out.say("%s is disconnected since %s.", now.Name, d.DisconnectedAt)
		e.out.facts("Our application there", d.ApplicationID, "Consent sessions ended", strconv.Itoa(d.SessionsEnded), "Evidence kept until", d.EvidenceUntil.String())
		e.out.say("%s", d.NextStep)
	})
}

type tenantGroup struct {
	Allow tenantAllow `cmd:"" help:"Decide that accounts share a tenant; each still proves itself (operators)."`
}

type tenantAllow struct {
	Tenant  string   `arg:"" help:"Id of the tenant (GUID)."`
	Account []string `required:"" placeholder:"ID" help:"An account that may use it; may be repeated."`
	Reason  string   `required:"" help:"Why; kept with the decision."`
}

func (c *tenantAllow) Run(e *env) error {
	var uses struct {
		Uses []struct {
			AccountID string `json:"accountId"`
		} `json:"uses"`
	}
	doc, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/tenant-uses", body: map[string]any{"tenantId": c.Tenant, "accountIds": c.Account, "reason": c.Reason}, given: map[string]argument{"tenantId": {"<tenant>", c.Tenant}, "accountIds": {"--account", strings.Join(c.Account, ", ")}, "reason": {"--reason", c.Reason}}, after: aftermath{safe: "the same decision twice is one"}}, &uses)
	if err != nil {
		return err
	}
	return e.out.answer(doc, c.Tenant, func() {
		var accounts []string
		for _, u := range uses.Uses {
			accounts = append(accounts, u.AccountID)
		}
		e.out.say("The tenant %s may be used by %s; each proves itself with its own consent.", c.Tenant, strings.Join(accounts, ", "))
	})
}

type payloadKeyGroup struct {
	List   payloadKeyList   `cmd:"" help:"The keys that payloads at Temporal are encrypted with (operators)."`
	Rotate payloadKeyRotate `cmd:"" help:"Encrypt new payloads with a new key; the ones before stay readable (operators)."`
}

type payloadKey struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	CreatedAt moment `json:"createdAt"`
	RetiredAt moment `json:"retiredAt"`
}

type payloadKeyList struct{}

func (c *payloadKeyList) Run(e *env) error {
	var all listed[payloadKey]
	doc, err := e.api.get(e.ctx, "/codec-keys", &all)
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		var rows [][]string
		for _, k := range all.Items {
			rows = append(rows, []string{k.ID, k.State, k.CreatedAt.String(), k.RetiredAt.String()})
		}
		e.out.table("KEY|STATE|SINCE|RETIRED", rows)
		e.out.say("as of %s", all.AsOf)
	})
}

type payloadKeyRotate struct{}

func (c *payloadKeyRotate) Run(e *env) error {
	var k payloadKey
	doc, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/codec-keys/rotations"}, &k)
	if err != nil {
		return err
	}
	return e.out.answer(doc, k.ID, func() { e.out.say("New payloads are encrypted with the key %s, since %s.", k.ID, k.CreatedAt) })
}

// getCommand reads what has no command of its own.
type getCommand struct {
	Path string `arg:"" help:"Address below /api/v1, with its query, for example '/decisions?migrationId=…'; /openapi.json at the server lists them."`
}

func (c *getCommand) Run(e *env) error {
	path := "/" + strings.TrimPrefix(strings.TrimPrefix(c.Path, "/api/v1"), "/")
	if u, err := url.Parse(path); err != nil || u.Host != "" || strings.Contains(u.Path, "..") {
		return usage("<path>", c.Path, "no address below /api/v1")
	}
	doc, err := e.api.get(e.ctx, path, nil)
	if err != nil {
		return err
	}
	return e.out.document(doc)
}
