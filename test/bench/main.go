// Command bench measures what the product promises and prints one JSON line a
// figure. Counts are counts; a time is either a whole-process figure or a ratio
// to a baseline of the same run, because machines are shared.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	enumspb "go.temporal.io/api/enums/v1"

	"consentry/dev/demo"
	"consentry/dev/stack"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/engine"
	"consentry/test/actions"
	"consentry/test/bench/emulatorbench"
	"consentry/test/bench/jobbench"
)

// figure is one line of output (docs/performance.md keeps those that hold).
type figure struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Target   float64 `json:"target,omitempty"`
	Op       string  `json:"op,omitempty"`
	OK       bool    `json:"ok"`
	Baseline string  `json:"baseline,omitempty"`
	Note     string  `json:"note,omitempty"`
}

type commandLine struct {
	Name string `help:"Measure only the parts whose names begin with this."`
}

// parts are the groups of figures, by the prefix of their names.
var parts = []struct {
	name string
	run  func(context.Context, func(figure)) error
}{
	{"job.codec", codec},
	{"job.migration", migration},
	{"job.demo", wallTime},
	{"job.read", func(ctx context.Context, report func(figure)) error {
		return jobbench.Run(ctx, func(f jobbench.Figure) { report(figure(f)) })
	}},
	{"job.postgres.commands", func(ctx context.Context, report func(figure)) error {
		return jobbench.Writer(ctx, func(f jobbench.Figure) { report(figure(f)) })
	}},
	{"job.postgres.migration", onPostgres},
	{"job.rss", memory},
	{"job.size", sizes},
	{"emulator.", func(ctx context.Context, report func(figure)) error {
		return emulatorbench.Run(ctx, func(f emulatorbench.Figure) { report(figure(f)) })
	}},
}

func main() {
	var line commandLine
	kong.Parse(&line, kong.Name("bench"), kong.Description("Measure and print one JSON line a figure."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	out := json.NewEncoder(os.Stdout)
	missed := 0
	report := func(f figure) {
		switch f.Op {
		case "<=":
			f.OK = f.Value <= f.Target
		case ">=":
			f.OK = f.Value >= f.Target
		default:
			f.OK = true
		}
		if !f.OK {
			missed++
		}
		if err := out.Encode(f); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
	for _, p := range parts {
		if !strings.HasPrefix(p.name, line.Name) && !strings.HasPrefix(line.Name, p.name) {
			continue
		}
		if err := p.run(ctx, report); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", p.name, err)
			os.Exit(1)
		}
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "bench: %d figures miss their target\n", missed)
		os.Exit(1)
	}
}

// measured is what one complete migration took.
type measured struct {
	own         actions.Cost
	syncs       int // actions of its three runs of the directory
	ready, took time.Duration
}

// migrated runs one complete migration on a real server and a fresh database,
// from the notice to the confirmed removal of the old app.
func migrated(ctx context.Context, database string) (m measured, err error) {
	dir, err := os.MkdirTemp("", "consentry-bench-")
	if err != nil {
		return m, err
	}
	defer func() { _ = os.RemoveAll(dir) }()     // a temporary folder left behind harms nothing
	if err := os.Chmod(dir, 0o711); err != nil { // the server of PostgreSQL may be another user
		return m, err
	}
	o := demo.Options{Users: 30, Groups: 4, Seed: 3, Dir: filepath.Join(dir, "state"), Database: database, TemporalDev: "bin/temporal-dev", Out: io.Discard}
	began := time.Now()
	err = demo.OneMigration(ctx, o, func(ctx context.Context, s *stack.Stack, ready time.Duration, integrationID, attemptID string) error {
		m.ready, m.took = ready, time.Since(began)-ready
		if (s.Postgres() != nil) != (database == "postgres") {
			return fmt.Errorf("the migration was to run on %s, and did not", database)
		}
		if m.own, err = cost(ctx, s, contract.MigrationID(integrationID)); err != nil {
			return err
		}
		for _, purpose := range []domain.Purpose{domain.RunLegacy, domain.RunShadow, domain.RunFirst} {
			c, err := cost(ctx, s, contract.MigrationSyncID(integrationID, attemptID, purpose))
			if err != nil {
				return err
			}
			m.syncs += c.Actions()
		}
		return nil
	})
	return m, err
}

func migration(ctx context.Context, report func(figure)) error {
	m, err := migrated(ctx, "sqlite")
	if err != nil {
		return err
	}
	report(figure{Name: "job.migration_actions", Value: float64(m.own.Actions()), Unit: "actions", Target: 30, Op: "<=", Note: m.own.String()})
	report(figure{Name: "job.migration_events", Value: float64(m.own.Events), Unit: "events"})
	report(figure{Name: "job.migration_bytes", Value: float64(m.own.Bytes), Unit: "bytes"})
	report(figure{Name: "job.sync_actions", Value: float64(m.syncs), Unit: "actions", Note: "the migration's own three runs: legacy, shadow, first"})
	report(figure{Name: "job.start_to_ready", Value: m.ready.Seconds(), Unit: "s", Note: "Temporal, emulator, API, console and worker, with an empty state folder"})
	return nil
}

// cost fetches a finished workflow's history and counts it.
func cost(ctx context.Context, s *stack.Stack, workflowID string) (actions.Cost, error) {
	o, err := engine.ClientOptions(s.App.Config.TemporalAddress, zap.NewNop())
	if err != nil {
		return actions.Cost{}, err
	}
	c, err := client.DialContext(ctx, o) // events are counted, no payload is read
	if err != nil {
		return actions.Cost{}, err
	}
	defer c.Close()
	if err := c.GetWorkflow(ctx, workflowID, "").Get(ctx, nil); err != nil {
		return actions.Cost{}, fmt.Errorf("wait for the end of %s: %w", workflowID, err)
	}
	var h historypb.History
	events := c.GetWorkflowHistory(ctx, workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return actions.Cost{}, fmt.Errorf("read the history of %s: %w", workflowID, err)
		}
		h.Events = append(h.Events, e)
	}
	return actions.Of(&h), nil
}

// wallTime runs the demonstration as a whole process.
func wallTime(ctx context.Context, report func(figure)) error {
	began := time.Now()
	cmd := exec.CommandContext(ctx, "bin/consentry-dev", "demo")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("the demonstration failed: %w\n%s", err, out)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	report(figure{Name: "job.demo_wall", Value: time.Since(began).Seconds(), Unit: "s", Note: string(lines[len(lines)-1]) + "; a missed deadline is waited for inside"})
	return nil
}
