// Package demo is the main job, shown from start to end without a person: three
// customers are migrated over HTTP, through a worker that is killed twice, a
// rotated certificate, an expired secret and a missed deadline, and at the end
// every mirror is compared with its directory object by object.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"consentry/dev/stack"
	"consentry/dev/visitor"
	"consentry/dev/world"
	"consentry/internal/domain"
)

// Options say how the demonstration is run.
type Options struct {
	Users, Groups int
	Seed          uint64
	Dir           string // empty folder that is kept; "" = a temporary one
	Database      string // sqlite, which "" means, or postgres
	TemporalDev   string
	WorkerProgram string
	Out           io.Writer
}

// show is one run of the demonstration.
type show struct {
	*stack.Stack
	world    *world.World
	out      io.Writer
	began    time.Time
	operator *visitor.Visitor
	terms    world.Terms
	migrated int
}

// limit bounds the whole run; it is generous because machines are shared.
const limit = 10 * time.Minute

// Run plays the demonstration and returns an error on any difference.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir := o.Dir
	if dir == "" {
		tmp, err := os.MkdirTemp("", "consentry-demo-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(tmp) }() // a temporary folder left behind harms nothing
		dir = tmp
	}
	began := time.Now()
	s := &show{world: world.New(o.Seed, world.Size{Users: o.Users, Groups: o.Groups}, began.AddDate(1, 0, 0)), out: o.Out, began: began}
	st, err := stack.Start(ctx, stack.Options{
		Dir: dir, Database: o.Database, World: s.world, SweepEvery: 2 * time.Second, ConsentDelay: 2 * time.Second, KeyDelay: time.Second,
		WorkerProcess: true, WorkerProgram: o.WorkerProgram, TemporalDev: o.TemporalDev,
	})
	if err != nil {
		return err
	}
	s.Stack = st
	s.say("everything is ready: Temporal, emulated Microsoft, API and console, and the worker as process %d", st.WorkerPID())
	err = s.play(ctx)
	if err != nil && o.Dir == "" {
		err = errors.Join(err, s.showLogs(dir))
	}
	return errors.Join(err, st.Close())
}

func (s *show) play(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.importInventory, s.startCampaigns, s.migrateTheLargest, s.rotate, s.changeTheDirectory, s.missTheDeadline, s.migrateWithoutLegacy, s.cleanUp, s.goBack, s.compareEverything,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// demoTerms give the Americas a deadline that this run reaches. Everything else
// is as short as a demonstration needs it.
func demoTerms(now time.Time) world.Terms {
	terms := func(deadline time.Duration) domain.CampaignTerms {
		return domain.CampaignTerms{
			AvailableFrom: domain.At(now.Add(-time.Hour)), Deadline: domain.At(now.Add(deadline)),
			Reminders:    []domain.Duration{domain.Duration(12 * time.Second), domain.Duration(5 * time.Second)},
			ConsentGrace: domain.Duration(time.Second), ConsentBudget: domain.Duration(time.Minute), ProofAge: domain.Duration(time.Hour),
			FirstSync: domain.Duration(5 * time.Minute), WayBack: domain.Duration(time.Hour), CleanUp: domain.Duration(time.Hour),
		}
	}
	return world.Terms{"eu": terms(24 * time.Hour), "us": terms(45 * time.Second)}
}

func (s *show) importInventory(ctx context.Context) (err error) {
	if s.operator, err = s.signIn(ctx, s.world.Operator); err != nil {
		return err
	}
	s.terms = demoTerms(time.Now())
	var report struct{ Accounts, Integrations int }
	if _, err := s.operator.API(ctx, "POST", "/inventory", s.world.Inventory(s.Issuer, s.terms), &report, "Idempotency-Key", "demo"); err != nil {
		return fmt.Errorf("import the inventory: %w", err)
	}
	s.say("%s imported the inventory: %d accounts with %d legacy integrations", s.world.Operator.Name, report.Accounts, report.Integrations)
	if err := s.WaitSynchronized(ctx); err != nil {
		return err
	}
	for _, c := range s.world.Customers {
		i, err := s.integration(ctx, c)
		if err != nil {
			return err
		}
		s.say("%s synchronized through its client secret: %s", c.Name, counts(i.Mirror))
	}
	if err := s.ExpireSecrets(); err != nil {
		return err
	}
	s.say("the legacy secret of %s has ended at Microsoft", s.world.Customers[2].Name)
	return nil
}

func (s *show) startCampaigns(ctx context.Context) error {
	for _, region := range s.world.Regions() {
		if _, err := s.operator.API(ctx, "POST", "/campaigns/"+world.CampaignID(region)+"/start", nil, nil); err != nil {
			return fmt.Errorf("start the campaign of region %s: %w", region, err)
		}
		s.say("campaign of region %s started; its deadline is %s", region, s.terms[region].Deadline.Format("2006-01-02 15:04:05 UTC"))
	}
	return nil
}

func (s *show) signIn(ctx context.Context, p world.Person) (*visitor.Visitor, error) {
	v, err := visitor.New(s.Console)
	if err != nil {
		return nil, err
	}
	return v, v.SignIn(ctx, p.UPN)
}

// say adds a line to the timeline.
func (s *show) say(format string, args ...any) {
	fmt.Fprintf(s.out, "%7.1fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

func counts(c domain.Counts) string {
	return fmt.Sprintf("%d users, %d groups, %d memberships", c.Users, c.Groups, c.Memberships)
}

// showLogs prints the end of each process's log when a run failed and its
// folder goes away.
func (s *show) showLogs(dir string) error {
	for _, name := range []string{"worker.log", "consentry.log", "temporal.log"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "\n--- end of %s\n%s\n", name, b[max(0, len(b)-6000):])
	}
	return nil
}
