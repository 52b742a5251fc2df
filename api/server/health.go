package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/health"
)

// healthRoutes answer balancers. This address is open to the internet, so the
// report is brief; with sentences and remedies it stands at the metrics
// listener, and every change is logged.
func (s *server) healthRoutes(api huma.API) {
	type alive struct {
		Body struct {
			Alive bool `json:"alive"`
		}
	}
	add(s, api, op{method: http.MethodGet, path: "/healthz", id: "health", tag: "health", summary: "The process is alive", open: true},
		func(context.Context, *struct{}) (*alive, error) {
			h := &alive{}
			h.Body.Alive = true
			return h, nil
		})
	type readiness struct {
		Status int
		Body   health.Report
	}
	add(s, api, op{method: http.MethodGet, path: "/readyz", id: "readiness", tag: "health", summary: "The process can do its work; 503 names the part that is ill", open: true},
		func(ctx context.Context, _ *struct{}) (*readiness, error) {
			r := &readiness{Status: http.StatusOK, Body: s.Health.Report(ctx).Brief()}
			if !r.Body.Ready {
				r.Status = http.StatusServiceUnavailable
			}
			return r, nil
		})
}
