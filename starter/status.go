package main

import (
	"strconv"
	"strings"
)

type statusCommand struct{}

type process struct {
	ID            string   `json:"id"`
	Program       string   `json:"program"`
	Kinds         []string `json:"kinds"`
	State         string   `json:"state"`
	Version       string   `json:"version"`
	Revision      string   `json:"revision"`
	SchemaVersion int64    `json:"schemaVersion"`
	StartedAt     moment   `json:"startedAt"`
	SeenAt        moment   `json:"seenAt"`
}

func (c *statusCommand) Run(e *env) error {
	var s struct {
		Items    []process `json:"items"`
		Troubles []struct {
			Text   string `json:"text"`
			Remedy string `json:"remedy"`
		} `json:"troubles"`
		AsOf moment `json:"asOf"`
	}
	doc, err := e.api.get(e.ctx, "/processes", &s)
	if err != nil {
		return err
	}
	err = e.out.answer(doc, "", func() {
		var rows [][]string
		for _, p := range s.Items {
			state := p.State
			if state == "lost" {
				state += ", last heard of " + p.SeenAt.String()
			}
			rows = append(rows, []string{p.ID, p.Program, strings.Join(p.Kinds, "+"), state, p.Version, p.Revision, strconv.FormatInt(p.SchemaVersion, 10), p.StartedAt.String()})
		}
		if len(rows) > 0 {
			e.out.table("PROCESS|PROGRAM|DOES|STATE|VERSION|REVISION|SCHEMA|SINCE", rows)
		}
		for _, t := range s.Troubles {
			e.out.say("! %s\n  %s", t.Text, t.Remedy)
		}
		if len(s.Troubles) == 0 {
			e.out.say("Everything that is needed runs, and of one build.")
		}
		e.out.say("as of %s", s.AsOf)
	})
	if err == nil && len(s.Troubles) > 0 {
		return &failure{exit: exitFault, said: true}
	}
	return err
}
