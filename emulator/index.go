package emulator

import "net/http"

// index shows what the emulator holds and was asked.
func (s *Server) index(w http.ResponseWriter, c *call) {
	if c.URL.Path != "/" {
		http.NotFound(w, c.Request)
		return
	}
	last := s.Requests()
	showPage(w, http.StatusOK, page{Template: "index", Title: "Entra and Graph emulator", World: map[string]any{
		"SigningKeys": s.SigningKeys(), "ConsentRequests": s.ConsentRequests(""), "Replicas": s.config.Replicas, "Choice": s.config.Choice,
		"HTTPS": s.HTTPSURL(), "HTTP": s.HTTPURL(), "Tenants": s.tenantViews(), "Applications": s.applicationViews(),
		"Requests": last[:min(len(last), 60)], "Missing": s.AskedFor(), "Faults": s.Faults(), "Now": s.now(),
	}})
}
