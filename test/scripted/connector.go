package scripted

import (
	"context"
	"errors"
	"sync"

	"go.temporal.io/sdk/temporal"

	"consentry/internal/contract"
)

// Connector plays activities.Connector: some attempts fail, then it answers.
type Connector struct {
	Standing contract.ConnectorStanding
	Failures int
	Gone     bool

	mu     sync.Mutex
	called int
}

// Called counts the attempts.
func (c *Connector) Called() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.called
}

// EntraConfirmConnector answers as told.
func (c *Connector) EntraConfirmConnector(context.Context, contract.ConnectorSetupInput) (contract.ConnectorStanding, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.called++
	switch {
	case c.Gone:
		return contract.ConnectorStanding{}, temporal.NewNonRetryableApplicationError("no such connector", contract.ErrNotFound, nil)
	case c.called <= c.Failures:
		return contract.ConnectorStanding{}, errors.New("the worker stops")
	}
	return c.Standing, nil
}
