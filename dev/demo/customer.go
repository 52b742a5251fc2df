package demo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"consentry/dev/visitor"
	"consentry/dev/world"
	"consentry/internal/domain"
)

// What the demonstration reads of the API's answers.
type (
	integration struct {
		Binding      domain.Binding
		ConnectorID  string
		LastSyncedAt time.Time
		LastRunID    string
		Mirror       domain.Counts
		Condition    struct{ State, Code, Text string }
		Migration    *struct{ ID string }
	}
	migration struct {
		ID             string
		Phase          domain.Phase
		Overdue        bool
		ConsentProblem *reason
		Failure        *reason
		Waiting        *reason
		ProofID        string
		Proof          *proof
		Receipt        *struct {
			Recommendation string
			OldApp         *struct{ DestroyedAt time.Time }
		}
		DateInForce time.Time
	}
	reason struct{ Code, Text string }
	proof  struct {
		Equal       bool
		Frozen      bool
		Differences int64
		Shadow      domain.Counts
	}
	decision struct {
		ID      string
		State   domain.DecisionState
		Refusal *reason
	}
)

func (s *show) integration(ctx context.Context, c world.Customer) (i integration, err error) {
	_, err = s.operator.API(ctx, "GET", "/integrations/"+c.Integration, nil, &i)
	return i, err
}

func (s *show) migration(ctx context.Context, id string) (m migration, err error) {
	_, err = s.operator.API(ctx, "GET", "/migrations/"+id, nil, &m)
	return m, err
}

// customer is one customer's administrator at work.
type customer struct {
	world.Customer
	show    *show
	browser *visitor.Visitor
	attempt string
}

func (s *show) at(ctx context.Context, account string) (*customer, error) {
	c := &customer{Customer: s.world.Customer(account), show: s}
	var err error
	if c.browser, err = s.signIn(ctx, c.Person); err != nil {
		return nil, err
	}
	i, err := s.integration(ctx, c.Customer)
	if err != nil {
		return nil, err
	}
	if i.Migration == nil {
		return nil, fmt.Errorf("%s has no open migration", c.Name)
	}
	c.attempt = i.Migration.ID
	return c, nil
}

// consent begins the consent in the console and walks through both legs at
// Microsoft as the tenant's Global Administrator.
func (c *customer) consent(ctx context.Context) error {
	var begun struct{ StartURL string }
	if _, err := c.browser.API(ctx, "POST", "/migrations/"+c.attempt+"/consent-sessions", nil, &begun); err != nil {
		return fmt.Errorf("%s begins the consent: %w", c.Person.Name, err)
	}
	page, err := c.browser.Consent(ctx, begun.StartURL, c.GlobalAdmin.UPN)
	if err != nil {
		return err
	}
	if page.Status != http.StatusOK {
		return fmt.Errorf("the consent of %s ended on %s with status %d", c.Name, page.URL.Path, page.Status)
	}
	m, err := c.show.migration(ctx, c.attempt)
	if err != nil {
		return err
	}
	if m.Phase == domain.AwaitingConsent {
		return fmt.Errorf("the consent of %s was not taken: %+v", c.Name, m.ConsentProblem)
	}
	c.show.say("%s of %s consented at Microsoft and signed in there", c.GlobalAdmin.Name, c.Name)
	return nil
}

// decide gives a decision and waits until it is applied.
func (c *customer) decide(ctx context.Context, key string, body map[string]any) error {
	var d decision
	if _, err := c.browser.API(ctx, "POST", "/migrations/"+c.attempt+"/decisions", body, &d, "Idempotency-Key", key); err != nil {
		return fmt.Errorf("%s decides %s: %w", c.Person.Name, body["kind"], err)
	}
	for d.State == domain.DecisionGiven {
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the decision %s of %s is not applied: %w", body["kind"], c.Person.Name, err)
		}
		if _, err := c.browser.API(ctx, "GET", "/decisions/"+d.ID, nil, &d); err != nil {
			return err
		}
	}
	if d.State != domain.DecisionApplied {
		return fmt.Errorf("the decision %s of %s was refused: %+v", body["kind"], c.Person.Name, d.Refusal)
	}
	return nil
}

func (c *customer) describe(ctx context.Context) error {
	err := c.decide(ctx, "describe", map[string]any{"kind": domain.DecideDescribe, "description": "Employees and groups of " + c.Name + ", read for mail security"})
	if err == nil {
		c.show.say("%s entered the description", c.Person.Name)
	}
	return err
}

func (c *customer) approve(ctx context.Context) error {
	m, err := c.show.migration(ctx, c.attempt)
	if err != nil {
		return err
	}
	if m.Proof == nil {
		return fmt.Errorf("%s has nothing to approve: no proof", c.Name)
	}
	how := "nothing changes"
	if !m.Proof.Equal {
		how = fmt.Sprintf("%d differences, removals held", m.Proof.Differences)
	}
	if m.Proof.Frozen {
		how += ", compared with the mirror as it stood"
	}
	c.show.say("%s: the connector reads %s (%s); %s approves", c.Name, counts(m.Proof.Shadow), how, c.Person.Name)
	return c.decide(ctx, "approve-"+m.ProofID, map[string]any{"kind": domain.DecideApprove, "proofId": m.ProofID})
}

// until waits for a phase. A failure that is shown on the way ends the wait.
func (c *customer) until(ctx context.Context, phases ...domain.Phase) error {
	var last migration
	for {
		m, err := c.show.migration(ctx, c.attempt)
		if err != nil {
			return err
		}
		if slices.Contains(phases, m.Phase) {
			return nil
		}
		if m.Failure != nil {
			return fmt.Errorf("%s is back in %s: %s", c.Name, m.Phase, m.Failure.Text)
		}
		if m.Waiting != nil && (last.Waiting == nil || *m.Waiting != *last.Waiting) {
			c.show.say("%s waits in %s: %s", c.Name, m.Phase, m.Waiting.Text)
		}
		last = m
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%s does not leave %s for %v: %w", c.Name, m.Phase, phases, err)
		}
	}
}

// synchronize asks for a run and waits until it has been applied.
func (c *customer) synchronize(ctx context.Context) error {
	before, err := c.show.integration(ctx, c.Customer)
	if err != nil {
		return err
	}
	if _, err := c.browser.API(ctx, "POST", "/integrations/"+c.Integration+"/sync-runs", nil, nil); err != nil {
		return err
	}
	for {
		i, err := c.show.integration(ctx, c.Customer)
		if err != nil || (i.LastRunID != before.LastRunID && i.LastSyncedAt.After(before.LastSyncedAt)) {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%s does not synchronize (%s): %w", c.Name, i.Condition.Text, err)
		}
	}
}

func (c *customer) done(ctx context.Context) error {
	if err := c.until(ctx, domain.Migrated); err != nil {
		return err
	}
	c.show.migrated++
	i, err := c.show.integration(ctx, c.Customer)
	if err != nil {
		return err
	}
	c.show.say("%s is migrated: %s now come through connector %s", c.Name, counts(i.Mirror), i.ConnectorID)
	return nil
}

// pause is the beat of every wait; it ends with the run.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}
