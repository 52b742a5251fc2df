package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// noIntegration says of an id that is no integration's what it is, when this
// token may see that; of what it may not see, only what the form of the id tells
// everybody.
func (e *env) noIntegration(id string, err error) error {
	f, ok := errors.AsType[*failure](err)
	if !ok || f.exit != exitNotFound {
		return err
	}
	said := "`consentry integration list` lists those that this token sees."
	for _, k := range kinds {
		if k.prefix != "" && !strings.HasPrefix(id, k.prefix) {
			continue
		}
		var thing struct {
			IntegrationID string `json:"integrationId"`
		}
		switch _, err := e.api.get(e.ctx, k.address+url.PathEscape(id), &thing); {
		case err == nil && thing.IntegrationID != "":
			said = fmt.Sprintf("%s is the id of %s, of the integration %s: say that one. "+k.look, id, k.name, thing.IntegrationID, id)
		case err == nil:
			said = fmt.Sprintf("%s is the id of %s. "+k.look, id, k.name, id)
		case k.prefix != "":
			said = fmt.Sprintf("%s has the form of an id of %s. "+k.look, id, k.name, id)
		default:
			continue
		}
		break
	}
	f.sentence += " " + said
	return f
}

// kinds are what ids are mistaken for an integration's. Those that the vendor
// chose have no form of their own.
var kinds = []struct{ prefix, address, name, look string }{
	{"mig_", "/migrations/", "a migration", "`consentry get /migrations/%s` reads it."},
	{"con_", "/connectors/", "a connector", "`consentry get /connectors/%s` reads it, with the integrations that use it."},
	{"run_", "/sync-runs/", "a synchronization's run", "`consentry get /sync-runs/%s` reads it."},
	{"dec_", "/decisions/", "a decision", "`consentry get /decisions/%s` reads it."},
	{"", "/accounts/", "an account", "`consentry account show %s` shows it with its integrations."},
	{"", "/campaigns/", "a campaign", "`consentry campaign status %s` shows how far it is."},
	{"", "/cells/", "a cell", "`consentry get /cells/%s` reads it."},
}
