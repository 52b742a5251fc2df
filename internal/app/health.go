package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"consentry/internal/domain"
	"consentry/internal/health"
	"consentry/internal/store"
)

// life is where a process stands between its start and its end.
type life int32

const (
	starting life = iota
	working
	stopping
)

// alive is what a process knows of itself: only between its start and its end
// should work be given to it.
func (a *App) alive(context.Context) error {
	if life(a.life.Load()) != working {
		return errors.New("the process is starting or stopping")
	}
	return nil
}

// schemaIs holds that the database has the schema that this program knows. A
// database that does not answer has not said that it is another one.
func schemaIs(ctx context.Context, s *store.Store, known int64) error {
	have, err := s.SchemaVersion(ctx)
	switch {
	case err != nil && (ctx.Err() != nil || domain.KindOf(err) == domain.Unavailable):
		return &health.NotAsked{Err: err}
	case err == nil && have != known:
		return fmt.Errorf("the database has schema version %d and this program knows %d", have, known)
	}
	return err
}

// onlyVerdict takes every error but a verdict of the server's own, a V, for a
// question that met no answer.
func onlyVerdict[V error](err error) error {
	if _, verdict := errors.AsType[V](err); err == nil || verdict {
		return err
	}
	return &health.NotAsked{Err: err}
}

// askFor bounds the question of the health command; a container engine waits
// hardly longer.
const askFor = 4 * time.Second

// askReadiness is the health command: it asks the process that listens at
// address and says what it answered. An image without a shell has nothing else
// that could.
func askReadiness(ctx context.Context, address string, out io.Writer) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--metrics-listen is %q: give HOST:PORT", address)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	direct := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy of the environment stands between a process and itself
	res, err := direct.Do(req)
	if err != nil {
		return fmt.Errorf("nothing answers at %s: the process has not started, or --metrics-listen differs from its own", address)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("read the answer of %s: %w", address, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(body)))
	}
	_, err = fmt.Fprintln(out, "ready")
	return err
}
