package demo

import (
	"context"
	"time"

	"consentry/dev/stack"
	"consentry/dev/world"
	"consentry/internal/domain"
)

// OneMigration starts a fresh system in o.Dir, migrates one customer from the
// notice to the confirmed removal of its old app, and hands the running system
// to inspect. ready is how long the system took to become ready.
func OneMigration(ctx context.Context, o Options, inspect func(ctx context.Context, s *stack.Stack, ready time.Duration, integrationID, attemptID string) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	s := &show{world: world.New(o.Seed, world.Size{Users: o.Users, Groups: o.Groups}, began.AddDate(1, 0, 0)), out: o.Out, began: began}
	s.terms = world.DevTerms(began)
	s.Stack, err = stack.Start(ctx, stack.Options{
		Dir: o.Dir, Database: o.Database, World: s.world, SweepEvery: time.Minute, ConsentDelay: time.Second, KeyDelay: time.Second, TemporalDev: o.TemporalDev,
	})
	if err != nil {
		return err
	}
	ready := time.Since(began)
	err = s.one(ctx, func(c *customer) error { return inspect(ctx, s.Stack, ready, c.Integration, c.attempt) })
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	return err
}

func (s *show) one(ctx context.Context, inspect func(*customer) error) (err error) {
	if err := s.SetScene(ctx, s.terms); err != nil {
		return err
	}
	if s.operator, err = s.signIn(ctx, s.world.Operator); err != nil {
		return err
	}
	c, err := s.at(ctx, "contoso")
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		c.consent,
		func(ctx context.Context) error { return c.until(ctx, domain.AwaitingDescription) },
		c.describe,
		func(ctx context.Context) error { return c.until(ctx, domain.AwaitingApproval) },
		c.approve,
		c.done,
		c.removeOldApp,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return inspect(c)
}
