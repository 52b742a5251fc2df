package demo

import (
	"context"
	"errors"
	"fmt"

	"consentry/internal/domain"
)

// removeOldApp deletes the customer's old app at Microsoft and says so: the
// product asks Microsoft before it believes it, and destroys the secret.
func (c *customer) removeOldApp(ctx context.Context) error {
	if err := c.show.Emulator.DeleteApplication(c.LegacyApp.ClientID); err != nil {
		return err
	}
	if err := c.decide(ctx, "removed", map[string]any{"kind": domain.DecideCleanUp, "removed": true}); err != nil {
		return err
	}
	return c.until(ctx, domain.Closed)
}

// cleanUp completes a migration: the old app is gone, and so is its secret here.
func (s *show) cleanUp(ctx context.Context) error {
	c, err := s.at(ctx, "adatum")
	if err != nil {
		return err
	}
	if err := c.removeOldApp(ctx); err != nil {
		return err
	}
	m, err := s.migration(ctx, c.attempt)
	if err != nil {
		return err
	}
	if m.Receipt == nil || m.Receipt.OldApp == nil || m.Receipt.OldApp.DestroyedAt.IsZero() {
		return fmt.Errorf("the secret of %s was not destroyed", c.LegacyApp.Name)
	}
	s.say("%s removed %q at Microsoft and said so: Microsoft confirms it, its secret is destroyed here, the migration is closed", c.Name, c.LegacyApp.Name)
	return nil
}

// goBack takes the largest customer back to its old app: a complete legacy round
// follows, and a new migration is open for it.
func (s *show) goBack(ctx context.Context) error {
	c, err := s.at(ctx, "contoso")
	if err != nil {
		return err
	}
	before, err := s.integration(ctx, c.Customer)
	if err != nil {
		return err
	}
	if err := c.decide(ctx, "back", map[string]any{"kind": domain.DecideRollBack, "reason": "Shown in the demonstration"}); err != nil {
		return err
	}
	if err := c.until(ctx, domain.RolledBack); err != nil {
		return err
	}
	for {
		i, err := s.integration(ctx, c.Customer)
		if err != nil {
			return err
		}
		if i.Binding != domain.BoundLegacy {
			return errors.New("the roll-back left " + c.Name + " on its connector")
		}
		if i.LastRunID != before.LastRunID && i.LastSyncedAt.After(before.LastSyncedAt) {
			if i.Mirror != before.Mirror {
				return fmt.Errorf("the roll-back of %s changed %s into %s", c.Name, counts(before.Mirror), counts(i.Mirror))
			}
			s.say("%s rolled back to its client secret; a complete round through it found %s, nobody returned and nobody was lost", c.Name, counts(i.Mirror))
			break
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%s does not synchronize after the roll-back (%s): %w", c.Name, i.Condition.Text, err)
		}
	}
	var again migration
	if _, err := c.browser.API(ctx, "POST", "/integrations/"+c.Integration+"/migrations", nil, &again); err != nil {
		return fmt.Errorf("start the next migration of %s: %w", c.Name, err)
	}
	c.attempt = again.ID
	if err := c.consent(ctx); err != nil {
		return err
	}
	if err := c.until(ctx, domain.AwaitingDescription); err != nil {
		return err
	}
	s.say("the next migration of %s is under way, on the connector it had", c.Name)
	return nil
}
