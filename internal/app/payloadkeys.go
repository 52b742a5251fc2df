package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"consentry/internal/domain"
	"consentry/internal/keys"
	"consentry/internal/logkey"
)

// payloadKeys gives the engine the keys that the service keeps. The service
// needs the engine and is there only after it.
type payloadKeys struct{ app *App }

// NewestCodecKey implements engine.KeySource.
func (p payloadKeys) NewestCodecKey(ctx context.Context) (string, error) {
	return p.app.Service.NewestCodecKey(ctx)
}

// OpenCodecKey implements engine.KeySource.
func (p payloadKeys) OpenCodecKey(ctx context.Context, id string) ([]byte, error) {
	return p.app.Service.OpenCodecKey(ctx, id)
}

const (
	keysAskedEvery = 2 * time.Second
	keysAgedEvery  = time.Hour
)

// awaitKeys waits until this process can encrypt: a worker that polled before
// would take tasks only to fail them. A key service that is away is waited for;
// a sealing key that does not fit is not, for it will not fit later.
func (a *App) awaitKeys(ctx context.Context) error {
	for n := 0; ; n++ {
		err := a.keyring.Ready(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(err, keys.ErrSealed) {
			return fmt.Errorf("the payload keys do not open with --key-file: %w", err)
		}
		if n%15 == 0 {
			a.log.Warn("the worker waits for the key service; workflows stand still and lose nothing meanwhile", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(keysAskedEvery):
		}
	}
}

// ageKeys replaces the payload key when it has served its period.
func (a *App) ageKeys(ctx context.Context) {
	tick := time.NewTicker(keysAgedEvery)
	defer tick.Stop()
	for {
		rotated, err := a.Service.RotateCodecKeyAfter(ctx, a.Config.PayloadKeyPeriod)
		switch {
		case err != nil && ctx.Err() == nil:
			a.log.Warn("the payload key could not be replaced; the present one stays in use", zap.String(logkey.Kind, string(domain.KindOf(err))), zap.Error(err))
		case rotated:
			a.log.Info("the payload key was replaced after its period")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
