package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"
)

// Readiness says whether the process can do its work, and which part is ill.
type Readiness struct {
	Ready bool   `json:"ready"`
	Parts []Part `json:"parts" nullable:"false"`
}

// Part is one thing the process stands on.
type Part struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	Text  string `json:"text,omitempty"`
}

// probeFor bounds one probe: a part that answers later is of no use to a
// balancer that waits.
const probeFor = 2 * time.Second

func (s *server) healthRoutes(api huma.API) {
	type health struct {
		Body struct {
			Alive bool `json:"alive"`
		}
	}
	add(s, api, op{method: http.MethodGet, path: "/healthz", id: "health", tag: "health", summary: "The process is alive", open: true},
		func(context.Context, *struct{}) (*health, error) {
			h := &health{}
			h.Body.Alive = true
			return h, nil
		})
	type readiness struct {
		Status int
		Body   Readiness
	}
	add(s, api, op{method: http.MethodGet, path: "/readyz", id: "readiness", tag: "health", summary: "The process can do its work; 503 names the part that is ill", open: true},
		func(ctx context.Context, _ *struct{}) (*readiness, error) {
			r := &readiness{Status: http.StatusOK, Body: s.probe(ctx)}
			if !r.Body.Ready {
				r.Status = http.StatusServiceUnavailable
			}
			return r, nil
		})
}

// probe asks every part at once.
func (s *server) probe(ctx context.Context) Readiness {
	r := Readiness{Ready: true, Parts: make([]Part, len(s.Probes))}
	ctx, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	var all sync.WaitGroup
	for i, p := range s.Probes {
		all.Go(func() {
			r.Parts[i] = Part{Name: p.Name, Ready: true}
			if err := p.Check(ctx); err != nil {
				r.Parts[i] = Part{Name: p.Name, Text: "It does not answer. What was kept is safe; requests that need it are answered 503."}
				s.Log.Warn("a part is not ready", zap.String("part", p.Name), zap.Error(err))
			}
		})
	}
	all.Wait()
	for _, p := range r.Parts {
		r.Ready = r.Ready && p.Ready
	}
	return r
}
