package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"consentry/dev/world"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// SetScene makes the world's story true, once: the inventory is imported, every
// legacy integration synchronizes through its client secret, the campaigns
// start, and the secret of one customer ends. A world that is there already is
// left alone.
func (s *Stack) SetScene(ctx context.Context, terms world.Terms) error {
	caller := domain.System("set-up")
	w := s.options.World
	started, err := s.App.Service.CampaignStarted(ctx, world.CampaignID("us"))
	if err != nil || started {
		return err
	}
	if _, err := s.App.Service.ImportInventory(ctx, caller, "", w.Inventory(s.Issuer, terms)); err != nil {
		return fmt.Errorf("import the inventory: %w", err)
	}
	s.say("first start: the legacy integrations synchronize")
	for _, region := range w.Regions() {
		if _, err := s.App.Service.StartDueRuns(ctx, caller, region); err != nil {
			return fmt.Errorf("start the first synchronizations of %s: %w", region, err)
		}
	}
	if err := s.WaitSynchronized(ctx); err != nil {
		return err
	}
	if err := s.ExpireSecrets(); err != nil {
		return err
	}
	for _, region := range w.Regions() {
		if _, err := s.App.Service.StartCampaign(ctx, caller, world.CampaignID(region)); err != nil {
			return fmt.Errorf("start the campaign of %s: %w", region, err)
		}
	}
	return nil
}

// ExpireSecrets ends the legacy secrets that the story wants ended.
func (s *Stack) ExpireSecrets() error {
	at := time.Now().Add(-time.Minute).UTC().Truncate(time.Second)
	if err := os.WriteFile(s.expiredFile(), []byte(at.Format(time.RFC3339)), 0o600); err != nil {
		return fmt.Errorf("note that secrets have ended: %w", err)
	}
	for _, c := range s.options.World.Customers {
		if !c.LegacyApp.Expires {
			continue
		}
		if err := s.options.World.ExpireSecret(s.Emulator, c, at); err != nil {
			return fmt.Errorf("end the legacy secret of %s: %w", c.Account, err)
		}
	}
	return nil
}

// expiredFile notes since when, so that the next start does not populate the
// emulator with a secret that works again.
func (s *Stack) expiredFile() string { return filepath.Join(s.options.Dir, "secrets-ended-at") }

func (s *Stack) recallExpiry() error {
	b, err := os.ReadFile(s.expiredFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, string(b))
	for i, c := range s.options.World.Customers {
		if c.LegacyApp.Expires {
			s.options.World.Customers[i].LegacyApp.EndsAt = at
		}
	}
	return err
}

// WaitSynchronized waits until every integration has synchronized once.
func (s *Stack) WaitSynchronized(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		pending := ""
		err := s.App.Service.Read(ctx, domain.System("set-up"), func(tx *service.Tx) error {
			all, err := tx.Integrations().List(service.Query{})
			for _, i := range all {
				if i.LastSyncedAt.IsZero() {
					pending = i.ID + " " + i.ConditionText
				}
			}
			return err
		})
		if err != nil || pending == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("integration %s has not synchronized", pending), ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
