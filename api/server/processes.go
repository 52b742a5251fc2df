package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/health"
)

// Process is a program of ours that runs, or did a moment ago.
type Process struct {
	ID            string         `json:"id" doc:"Made anew at each start; the Temporal UI shows it as the worker's identity."`
	Program       string         `json:"program"`
	Kinds         []string       `json:"kinds" nullable:"false" doc:"What it does: worker, api."`
	State         string         `json:"state" enum:"running,lost" doc:"lost: it ended without a word, or does not reach the database."`
	Version       string         `json:"version"`
	Revision      string         `json:"revision" doc:"The commit, or exe-…: the executable."`
	SchemaVersion int64          `json:"schemaVersion" doc:"The newest schema of the database that it knows."`
	StartedAt     domain.Instant `json:"startedAt"`
	SeenAt        domain.Instant `json:"seenAt" doc:"When it last told of itself."`
}

// ProcessTrouble is what a person has to mend about them.
type ProcessTrouble struct {
	Code      string `json:"code" enum:"no-worker,no-api,old-schema,other-build,incompatible,part-ill" doc:"part-ill: something that this API stands on; the text begins with its name in /readyz."`
	ProcessID string `json:"processId,omitempty"`
	Text      string `json:"text"`
	Remedy    string `json:"remedy"`
}

// Processes are they with what does not fit.
type Processes struct {
	Items    []Process        `json:"items" nullable:"false" doc:"Those heard of last first."`
	Troubles []ProcessTrouble `json:"troubles" nullable:"false" doc:"What does not fit, with its remedy."`
	AsOf     time.Time        `json:"asOf" doc:"When this was true."`
}

func (s *server) processRoutes(api huma.API) {
	add(s, api, op{method: http.MethodGet, path: prefix + "/processes", id: "list-processes", tag: "health", summary: "Which processes run, their builds, and what does not fit (operators)"},
		func(ctx context.Context, _ *struct{}) (*one[Processes], error) {
			r, err := s.Service.Processes(ctx, CallerFrom(ctx))
			if err != nil {
				return nil, err
			}
			answer := Processes{Items: []Process{}, Troubles: []ProcessTrouble{}, AsOf: r.AsOf.UTC()}
			for _, p := range r.Processes {
				state := "lost"
				if r.Runs(p) {
					state = "running"
				}
				answer.Items = append(answer.Items, Process{
					ID: p.ID, Program: p.Program, Kinds: append([]string{}, p.Kinds...), State: state, Version: p.Version, Revision: p.Revision,
					SchemaVersion: p.SchemaVersion, StartedAt: p.StartedAt, SeenAt: p.SeenAt,
				})
			}
			for _, t := range r.Troubles {
				answer.Troubles = append(answer.Troubles, ProcessTrouble(t))
			}
			answer.Troubles = append(answer.Troubles, partTroubles(s.Health.Report(ctx))...)
			return &one[Processes]{answer}, nil
		})
}

// partTroubles are the parts that are ill, with what that means and what to do:
// an operator who asks what does not fit is not to look at two places. What the
// processes tell of each other is among the troubles already.
func partTroubles(r health.Report) (all []ProcessTrouble) {
	for _, p := range r.Parts {
		if p.Ready || p.Name == "processes" || p.Name == "builds" {
			continue
		}
		all = append(all, ProcessTrouble{Code: "part-ill", Text: p.Name + ": " + p.Text, Remedy: p.Remedy})
	}
	return all
}
