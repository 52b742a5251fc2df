package main

import (
	"crypto/rand"
	"net/http"
	"net/url"
)

type cellChange struct {
	Cell         string `arg:"" type:"id" help:"Id of the cell."`
	Name         string `help:"What operators call it; may change at any time."`
	Region       string `help:"Region whose new connectors it is for. This and the ids: only while no certificate is verified and nobody was asked to consent."`
	ClientID     string `name:"client-id" placeholder:"GUID" help:"Application (client) id of the registration."`
	ObjectID     string `name:"object-id" placeholder:"GUID" help:"Object id of the registration (not of the enterprise application)."`
	HomeTenantID string `name:"home-tenant" placeholder:"GUID" help:"The vendor's tenant that holds it."`
}

func (c *cellChange) Run(e *env) error {
	order, given := map[string]string{}, map[string]argument{}
	for _, f := range []struct{ field, flag, value string }{
		{"name", "--name", c.Name}, {"region", "--region", c.Region}, {"clientId", "--client-id", c.ClientID},
		{"applicationObjectId", "--object-id", c.ObjectID}, {"homeTenantId", "--home-tenant", c.HomeTenantID},
	} {
		if f.value != "" {
			order[f.field], given[f.field] = f.value, argument{f.flag, f.value}
		}
	}
	if len(order) == 0 {
		return usage("the command line", "", "say what is to change: --name, --region, --client-id, --object-id or --home-tenant")
	}
	var now cell
	doc, err := e.api.call(e.ctx, request{method: http.MethodPatch, path: "/cells/" + url.PathEscape(c.Cell), body: order, key: "cli-" + rand.Text(), given: given, after: aftermath{look: "cell list", safe: "the same change twice is one"}}, &now)
	if err != nil {
		return err
	}
	return e.out.answer(doc, now.ID, func() {
		e.out.say("The cell %s is now:", now.ID)
		e.out.facts("Name", now.Name, "Region", now.Region, "Client id", now.ClientID, "Object id", now.ObjectID, "Home tenant", now.HomeTenantID)
		if first := now.awaited(); now.active().ID == "" && first.ID != "" {
			e.out.say("Its first certificate is still %s: it belongs into this registration, and where it was uploaded to another, remove it there. Then: consentry cell verify %s --wait", first.SHA1, now.ID)
		}
	})
}

type cellRemove struct {
	Cell string `arg:"" type:"id" help:"Id of the cell."`
	Yes  bool   `help:"Do not ask for the cell's id first; for scripts."`
}

func (c *cellRemove) Run(e *env) error {
	now, _, err := e.cell(c.Cell)
	if err != nil {
		return err
	}
	if now.active().ID == "" { // else it is refused anyhow, and nobody need type for that
		err := e.confirm(c.Yes, "This removes the cell "+now.ID+" (client id "+now.ClientID+") and destroys its private keys.", now.ID)
		if err != nil {
			return err
		}
	}
	var r struct {
		RemovedAt    moment `json:"removedAt"`
		NextStep     string `json:"nextStep"`
		Certificates []struct {
			SHA1           string `json:"sha1"`
			KeyDestroyedAt moment `json:"keyDestroyedAt"`
		} `json:"certificates"`
	}
	doc, err := e.api.call(e.ctx, request{method: http.MethodDelete, path: "/cells/" + url.PathEscape(c.Cell), key: "cli-" + rand.Text(), after: aftermath{look: "cell list"}}, &r)
	if err != nil {
		return err
	}
	return e.out.answer(doc, now.ID, func() {
		e.out.say("The cell %s is removed since %s.", now.ID, r.RemovedAt)
		if len(r.Certificates) == 0 {
			return
		}
		var rows [][]string
		for _, k := range r.Certificates {
			rows = append(rows, []string{k.SHA1, k.KeyDestroyedAt.String()})
		}
		e.out.table("CERTIFICATE|PRIVATE KEY DESTROYED", rows)
		e.out.say("%s", r.NextStep)
	})
}
