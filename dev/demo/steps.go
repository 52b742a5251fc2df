package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"consentry/dev/visitor"
	"consentry/emulator"
	"consentry/internal/domain"
)

// migrateTheLargest moves the largest customer. The worker is killed once while
// nobody has consented yet, so that the consent arrives with no worker alive,
// and once during the cut-over.
func (s *show) migrateTheLargest(ctx context.Context) error {
	c, err := s.at(ctx, "contoso")
	if err != nil {
		return err
	}
	if err := c.until(ctx, domain.AwaitingConsent); err != nil {
		return err
	}
	s.say("worker %d killed (SIGKILL) while %s awaits consent", s.KillWorker(), c.Name)
	if err := c.consent(ctx); err != nil {
		return err
	}
	if err := s.restart(ctx); err != nil {
		return err
	}
	if err := c.until(ctx, domain.AwaitingDescription); err != nil {
		return err
	}
	s.say("the connector of %s exists: proven by real calls with the cell's certificate", c.Name)
	if err := c.describe(ctx); err != nil {
		return err
	}
	if err := c.until(ctx, domain.AwaitingApproval); err != nil {
		return err
	}
	// Microsoft stumbles during the cut-over, so that there is time to pull the
	// plug in the middle of it.
	stumble := s.Emulator.SetFault(emulator.Fault{TenantID: c.Tenant.ID, PathPrefix: "/v1.0/users/delta", Status: http.StatusServiceUnavailable, RetryAfter: "2", Remaining: 3})
	if err := c.approve(ctx); err != nil {
		return err
	}
	if err := c.until(ctx, domain.CuttingOver); err != nil {
		return err
	}
	s.say("worker %d killed (SIGKILL) while %s is being cut over", s.KillWorker(), c.Name)
	m, err := s.migration(ctx, c.attempt)
	if err != nil {
		return err
	}
	if m.Phase != domain.CuttingOver {
		return fmt.Errorf("the worker was killed too late: %s is in %s already", c.Name, m.Phase)
	}
	s.Emulator.ClearFault(stumble)
	if err := s.restart(ctx); err != nil {
		return err
	}
	if err := c.done(ctx); err != nil {
		return err
	}
	return s.checkReceipt(ctx, c)
}

func (s *show) restart(ctx context.Context) error {
	if err := s.StartWorker(ctx); err != nil {
		return err
	}
	s.say("a new worker goes on as process %d", s.WorkerPID())
	return nil
}

// checkReceipt makes sure that the task has left the customer's list and that
// the receipt names the old app.
func (s *show) checkReceipt(ctx context.Context, c *customer) error {
	m, err := s.migration(ctx, c.attempt)
	if err != nil {
		return err
	}
	if m.Receipt == nil || m.Receipt.Recommendation == "" {
		return fmt.Errorf("%s has no receipt that recommends removing the old app", c.Name)
	}
	s.say("the migration page of %s is gone; the receipt recommends removing %q (%s)", c.Name, c.LegacyApp.Name, c.LegacyApp.ClientID)
	return nil
}

// rotate asks for a rotation now and shows that the worker goes on with the new
// certificate without a restart.
func (s *show) rotate(ctx context.Context) error {
	cell := s.world.Cells[0]
	before, err := s.certificate(ctx, cell.ID)
	if err != nil {
		return err
	}
	if _, err := s.operator.API(ctx, "POST", "/cells/"+cell.ID+"/rotations", nil, nil); err != nil {
		return fmt.Errorf("ask for a rotation of %s: %w", cell.ID, err)
	}
	for {
		now, err := s.certificate(ctx, cell.ID)
		if err != nil {
			return err
		}
		if now != before {
			s.say("cell %s rotated its certificate: …%s follows …%s", cell.ID, tail(now), tail(before))
			break
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("cell %s does not rotate: %w", cell.ID, err)
		}
	}
	return nil
}

func tail(s string) string { return s[max(0, len(s)-8):] }

// changeTheDirectory changes the largest customer's directory at Microsoft and
// synchronizes: the delta comes through the connector, signed by the new
// certificate.
func (s *show) changeTheDirectory(ctx context.Context) error {
	c, err := s.visit(ctx, "contoso")
	if err != nil {
		return err
	}
	dump := s.Emulator.Directory(c.Tenant.ID)
	if err := s.change(c.Tenant.ID, dump); err != nil {
		return fmt.Errorf("change the directory of %s: %w", c.Name, err)
	}
	if err := c.synchronize(ctx); err != nil {
		return err
	}
	s.say("%s: changes at Microsoft arrived through the connector with the new certificate", c.Name)
	return nil
}

// missTheDeadline lets a customer run into its deadline, shows that its legacy
// synchronization refuses and nothing is deleted, and migrates it late.
func (s *show) missTheDeadline(ctx context.Context) error {
	c, err := s.at(ctx, "fabrikam")
	if err != nil {
		return err
	}
	before, err := s.integration(ctx, c.Customer)
	if err != nil {
		return err
	}
	for {
		m, err := s.migration(ctx, c.attempt)
		if err != nil {
			return err
		}
		if m.Overdue {
			break
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%s does not become overdue: %w", c.Name, err)
		}
	}
	err = c.synchronize(ctx)
	var refused *visitor.APIError
	if !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		return fmt.Errorf("the legacy synchronization of %s must refuse after the deadline, but: %w", c.Name, errors.Join(err, errors.New("not refused")))
	}
	after, err := s.integration(ctx, c.Customer)
	if err != nil {
		return err
	}
	if after.Mirror != before.Mirror || after.Binding != domain.BoundLegacy {
		return fmt.Errorf("the deadline changed the mirror of %s: %+v became %+v", c.Name, before.Mirror, after.Mirror)
	}
	s.say("%s missed its deadline: %s", c.Name, refused.Detail)
	return c.migrateLate(ctx)
}

// migrateWithoutLegacy moves the customer whose legacy secret has ended: nothing
// can be read through legacy, so the comparison is with the mirror as it stood.
func (s *show) migrateWithoutLegacy(ctx context.Context) error {
	c, err := s.at(ctx, "adatum")
	if err != nil {
		return err
	}
	return c.migrateLate(ctx)
}

// migrateLate is the same road when legacy can be read no more.
func (c *customer) migrateLate(ctx context.Context) error {
	if err := c.consent(ctx); err != nil {
		return err
	}
	if err := c.until(ctx, domain.AwaitingDescription); err != nil {
		return err
	}
	if err := c.describe(ctx); err != nil {
		return err
	}
	if err := c.until(ctx, domain.AwaitingApproval); err != nil {
		return err
	}
	if err := c.approve(ctx); err != nil {
		return err
	}
	return c.done(ctx)
}

// certificate is the thumbprint that a cell signs with now.
func (s *show) certificate(ctx context.Context, cellID string) (string, error) {
	var cell struct {
		Certificates []struct {
			State      domain.CredentialState
			Thumbprint string
		}
	}
	if _, err := s.operator.API(ctx, "GET", "/cells/"+cellID, nil, &cell); err != nil {
		return "", err
	}
	for _, c := range cell.Certificates {
		if c.State == domain.CredentialActive {
			return c.Thumbprint, nil
		}
	}
	return "", fmt.Errorf("cell %s has no active certificate", cellID)
}

// visit opens a customer's browser without asking for an open migration.
func (s *show) visit(ctx context.Context, account string) (*customer, error) {
	c := &customer{Customer: s.world.Customer(account), show: s}
	var err error
	c.browser, err = s.signIn(ctx, c.Person)
	return c, err
}
