// Package standin holds what stands for the outside of internal/service in tests: a clock that a test moves, an engine
// that takes every call, the console's identity provider, and two customers to play with. What a test is about is
// never stood in for: Microsoft, where it matters, is the emulator.
package standin

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

// Clock moves only when a test says so.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock stands at the instant.
func NewClock(at time.Time) *Clock { return &Clock{at: at} }

// Now is the instant it stands at.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Pass moves it on.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Engine stands for Temporal: it takes what it is handed and runs nothing.
type Engine struct {
	mu    sync.Mutex
	taken []domain.EngineCall
	apply func(decisionID string)
}

// Decides has apply do what the workflow does with each decision it is told of.
func (e *Engine) Decides(apply func(decisionID string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.apply = apply
}

// Deliver takes a call.
func (e *Engine) Deliver(_ context.Context, c domain.EngineCall) error {
	e.mu.Lock()
	e.taken = append(e.taken, c)
	apply := e.apply
	e.mu.Unlock()
	if c.Name == contract.UpdateApplyDecision && apply != nil {
		apply(c.DedupeID)
	}
	return nil
}

// Running says that every workflow is at work.
func (e *Engine) Running(context.Context, string) (bool, error) { return true, nil }

// RunningAmong says so of every migration.
func (e *Engine) RunningAmong(_ context.Context, ids []string) ([]string, error) { return ids, nil }

// Named lists the calls of a name: of a workflow type, signal or update.
func (e *Engine) Named(name string) (calls []domain.EngineCall) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.taken {
		if c.Name == name {
			calls = append(calls, c)
		}
	}
	return calls
}

// Issuer is the provider at which the people of Customers sign in to the console.
const Issuer = "https://idp.test"

// Provider stands for the console's identity provider, which is another matter than Microsoft: the code that a browser
// comes back with is the subject who signed in.
type Provider struct{}

// AuthorizeURL is where a browser is sent to sign in.
func (Provider) AuthorizeURL(_ context.Context, state, nonce, verifier string) (string, error) {
	return Issuer + "/authorize?" + url.Values{"state": {state}, "nonce": {nonce}, "code_challenge": {verifier}}.Encode(), nil
}

// Redeem gives who signed in.
func (Provider) Redeem(_ context.Context, code, nonce, verifier string) (issuer, subject string, err error) {
	if code == "" || nonce == "" || verifier == "" {
		return "", "", errors.New("no code")
	}
	return Issuer, code, nil
}
