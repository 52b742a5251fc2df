package emulator

import (
	"net/http"
	"strings"
)

// userRealm tells where the accounts of a name sign in: clients that hold a password ask before they send it anywhere
// (facts 2.1). Nothing is federated here, so a domain is managed or unknown.
func (s *Server) userRealm(w http.ResponseWriter, c *call, upn string) {
	_, domain, named := strings.Cut(upn, "@")
	s.mu.RLock()
	known := named && s.world.tenant(domain) != nil
	s.mu.RUnlock()
	answer := map[string]any{"ver": "1.0", "account_type": "Unknown", "cloud_instance_name": "microsoftonline.com",
		"cloud_audience_urn": "urn:federation:MicrosoftOnline"}
	if named {
		answer["domain_name"] = domain
	}
	if known {
		answer["account_type"] = "Managed"
	}
	writeAuthJSON(w, c, http.StatusOK, answer)
}
