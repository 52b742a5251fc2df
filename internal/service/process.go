package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"consentry/internal/domain"
)

const (
	// ProcessLostAfter is when a process that says nothing more is taken for gone:
	// it tells of itself several times within.
	ProcessLostAfter = 90 * time.Second
	// processKeptFor is how long one that ended without a word is still shown.
	processKeptFor = 24 * time.Hour
)

// TellProcess notes that a process runs, and forgets those that have been gone
// for long. It is no command: nobody asked, and nothing that is audited changes.
func (s *Service) TellProcess(ctx context.Context, p domain.Process) error {
	return s.store.Write(ctx, func(rows Rows) error {
		p.SeenAt = domain.At(s.now())
		err := rows.Processes().Update(&p)
		if domain.IsNotFound(err) {
			err = rows.Processes().Insert(&p)
		}
		if err != nil {
			return err
		}
		_, err = rows.Processes().Delete(By(Where{"seen_at <": domain.At(s.now().Add(-processKeptFor))}))
		return err
	})
}

// RetireProcess forgets a process that ends as it should.
func (s *Service) RetireProcess(ctx context.Context, id string) error {
	return s.store.Write(ctx, func(rows Rows) error {
		_, err := rows.Processes().Delete(By(Where{"id": id}))
		return err
	})
}

// ProcessTrouble is something about the processes that a person has to mend.
type ProcessTrouble struct {
	Code      string // no-worker, no-api, old-schema, other-build, incompatible
	ProcessID string // "" when none is there
	Text      string
	Remedy    string
}

// ProcessReport is who runs and what does not fit.
type ProcessReport struct {
	Processes []domain.Process // those heard of last first
	Troubles  []ProcessTrouble
	AsOf      time.Time
}

// Runs reports whether the process was heard of lately.
func (r ProcessReport) Runs(p domain.Process) bool {
	return r.AsOf.Sub(p.SeenAt.Time) < ProcessLostAfter
}

// Running are the processes that were heard of lately.
func (r ProcessReport) Running() []domain.Process {
	return slices.DeleteFunc(slices.Clone(r.Processes), func(p domain.Process) bool { return !r.Runs(p) })
}

// Processes tells which processes run. Operators only.
func (s *Service) Processes(ctx context.Context, caller domain.Caller) (r ProcessReport, err error) {
	r.AsOf = s.now()
	if err := operatorsList(caller, "processes"); err != nil {
		return r, err
	}
	err = s.look(ctx, caller, func(t *Tx) error {
		r.AsOf = t.Now
		r.Processes, err = t.Rows.Processes().List(Query{Order: []string{"-seen_at", "id"}})
		return err
	})
	r.Troubles = troublesOf(r.Running())
	return r, err
}

// troublesOf says what does not fit among the processes that run. The wanted
// build is the one that knows the newest schema and, among those, started last:
// an upgrade or the way back from one begins with it.
func troublesOf(running []domain.Process) (all []ProcessTrouble) {
	for _, missing := range []ProcessTrouble{
		{
			Code: "no-worker", Text: "No worker runs: nothing is synchronized, migrated or rotated. What is decided meanwhile is kept.",
			Remedy: "Start consentry-worker. If it ends again, the last lines of its log say why.",
		},
		{
			Code: "no-api", Text: "No API runs: nobody reaches the console, and consents cannot return from Microsoft.",
			Remedy: "Start consentry-api. If it ends again, the last lines of its log say why.",
		},
	} {
		kind := strings.TrimPrefix(missing.Code, "no-")
		if !slices.ContainsFunc(running, func(p domain.Process) bool { return slices.Contains(p.Kinds, kind) }) {
			all = append(all, missing)
		}
	}
	if len(running) == 0 {
		return all
	}
	wanted := slices.MaxFunc(running, func(a, b domain.Process) int {
		if a.SchemaVersion != b.SchemaVersion {
			return int(a.SchemaVersion - b.SchemaVersion)
		}
		return a.StartedAt.Compare(b.StartedAt.Time)
	})
	for _, p := range running {
		who := fmt.Sprintf("%s %s (build %s)", p.Program, p.ID, p.Build())
		switch {
		case p.SchemaVersion < wanted.SchemaVersion:
			all = append(all, ProcessTrouble{
				Code: "old-schema", ProcessID: p.ID,
				Text:   fmt.Sprintf("%s knows schema version %d; build %s has brought the database to %d. It may fail at what is new there.", who, p.SchemaVersion, wanted.Build(), wanted.SchemaVersion),
				Remedy: fmt.Sprintf("Replace it with build %s. It would not start again as it is.", wanted.Build()),
			})
		case !p.SameBuild(wanted):
			all = append(all, ProcessTrouble{
				Code: "other-build", ProcessID: p.ID,
				Text:   fmt.Sprintf("%s runs beside build %s, which started last.", who, wanted.Build()),
				Remedy: fmt.Sprintf("Finish the upgrade: replace it with build %s. Or take the upgrade back: stop the processes of that one.", wanted.Build()),
			})
		}
		if len(p.Incompatible) > 0 {
			all = append(all, ProcessTrouble{
				Code: "incompatible", ProcessID: p.ID,
				Text:   fmt.Sprintf("%s cannot replay %s: another build recorded them. They stand still and lose nothing.", who, strings.Join(p.Incompatible, ", ")),
				Remedy: "Run the build that recorded them again; release the newer one with the change gated by a version (docs/development.md).",
			})
		}
	}
	return all
}
