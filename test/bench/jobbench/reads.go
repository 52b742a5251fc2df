// Package jobbench measures what our HTTP face costs: the main reads through the whole server (request id, access log,
// headers, session lookup, validation, OpenAPI) beside the same queries through bare Echo on the same database.
package jobbench

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"consentry/api/server"
	"consentry/dev/postgres"
	"consentry/internal/domain"
	"consentry/internal/health"
	"consentry/internal/keys"
	"consentry/internal/mirror"
	"consentry/internal/service"
	"consentry/internal/store"
)

// Figure is one line of the bench's output.
type Figure struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Target   float64 `json:"target,omitempty"`
	Op       string  `json:"op,omitempty"`
	OK       bool    `json:"ok"`
	Baseline string  `json:"baseline,omitempty"`
	Note     string  `json:"note,omitempty"`
}

type size struct{ integrations, requests, pairs int }

// Run measures the figures named job.read_*, on SQLite and, as job.read_postgres_*, on PostgreSQL.
func Run(ctx context.Context, report func(Figure)) error {
	return run(ctx, size{integrations: 1_000, requests: 200, pairs: 11}, report)
}

// callers ask at once, each on a connection of its own.
const callers = 4

func run(ctx context.Context, n size, report func(Figure)) (err error) {
	dir, err := os.MkdirTemp("", "consentry-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder left behind harms nothing
	if err := reads(ctx, "job.read_", filepath.Join(dir, "c.db"), n, report); err != nil {
		return err
	}
	cluster, err := postgres.Start(ctx, postgres.Options{Unsafe: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err := cluster.Create(ctx, "consentry"); err != nil {
		return err
	}
	return reads(ctx, "job.read_postgres_", cluster.URL("consentry"), n, report)
}

func reads(ctx context.Context, prefix, database string, n size, report func(Figure)) (err error) {
	ours, cookie, first, closeOurs, err := furnish(ctx, database, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeOurs()) }()
	bare, closeBare, err := bareEcho(database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBare()) }()
	us, endUs, err := serve(ctx, ours)
	if err != nil {
		return err
	}
	defer endUs()
	them, endThem, err := serve(ctx, bare)
	if err != nil {
		return err
	}
	defer endThem()

	for _, read := range []struct{ name, path, what string }{
		{"migrations", "/api/v1/migrations", "a list of 50 migrations"},
		{"migration", "/api/v1/migrations/" + first.ID, "one migration with its dates, consent, proof and decisions"},
		{"integration", "/api/v1/integrations/" + first.IntegrationID, "one integration with its legacy app and open migration"},
		{"changes", "/api/v1/changes?limit=200", "200 entries of the change feed"},
	} {
		var rates, byProcessor, byWall, byWait []float64
		var waits, theirs []time.Duration
		for pass := range n.pairs + 1 {
			our, err := ask(ctx, n.requests, us+read.path, cookie)
			if err != nil {
				return fmt.Errorf("%s: %w", read.name, err)
			}
			their, err := ask(ctx, n.requests, them+read.path, nil)
			if err != nil {
				return fmt.Errorf("%s through bare Echo: %w", read.name, err)
			}
			if pass == 0 {
				continue // warms up
			}
			rates = append(rates, float64(n.requests)/our.wall.Seconds())
			byWall = append(byWall, their.wall.Seconds()/our.wall.Seconds())
			byProcessor = append(byProcessor, their.processor.Seconds()/our.processor.Seconds())
			byWait = append(byWait, p99(their.waits).Seconds()/p99(our.waits).Seconds())
			waits, theirs = append(waits, our.waits...), append(theirs, their.waits...)
		}
		name := prefix + read.name
		const baseline = "the same queries through bare Echo and bun on the same database, without a caller"
		against := func(what string, value float64, note string) {
			report(Figure{Name: name + what + "_to_bare", Value: value, Unit: "ratio", Target: 0.7, Op: ">=", Baseline: baseline, Note: note})
		}
		report(Figure{Name: name + "_rate", Value: median(rates), Unit: "1/s", Note: read.what + "; 4 callers, client and server on the same processors"})
		report(Figure{Name: name + "_p99", Value: p99(waits).Seconds() * 1000, Unit: "ms", Note: fmt.Sprintf("bare Echo: %.2f ms", p99(theirs).Seconds()*1000)})
		against("_rate", median(byWall), "requests in a second, median of pairs in turn: on a machine that others use it swings")
		against("_p99", median(byWait), "its p99 to ours, median of pairs in turn: on a machine that others use it swings")
		against("", median(byProcessor), "requests in a second of processor time, client included, median of pairs in turn")
	}
	return nil
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

func p99(values []time.Duration) time.Duration {
	sorted := slices.SortedFunc(slices.Values(values), cmp.Compare)
	return sorted[len(sorted)*99/100]
}

// answered is what some requests took: by the clock, of this process's processor time (which others on the machine do not
// share in), and each of them.
type answered struct {
	wall, processor time.Duration
	waits           []time.Duration
}

// ask sends requests by several callers.
func ask(ctx context.Context, requests int, address string, cookie *http.Cookie) (answered, error) {
	var all sync.WaitGroup
	var failed error
	var once sync.Once
	each := make([][]time.Duration, callers)
	used, err := processorTime()
	if err != nil {
		return answered{}, err
	}
	began := time.Now()
	for i := range callers {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for range requests / callers {
				sent := time.Now()
				if err := get(ctx, client, address, cookie); err != nil {
					once.Do(func() { failed = err })
					return
				}
				each[i] = append(each[i], time.Since(sent))
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	ended, err := processorTime()
	return answered{wall: took, processor: ended - used, waits: slices.Concat(each...)}, errors.Join(failed, err)
}

func processorTime() (time.Duration, error) {
	var used syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), err
}

func get(ctx context.Context, client *http.Client, address string, cookie *http.Cookie) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || len(body) < 100 {
		return fmt.Errorf("the answer was %s: %.200s", answer.Status, body)
	}
	return nil
}

func serve(ctx context.Context, e *echo.Echo) (address string, end func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }() // ends with Close
	return "http://" + l.Addr().String(), func() { _ = s.Close() }, nil
}

// furnish fills a database as a campaign does and mounts the server as internal/app does, logging at its level into
// nothing.
func furnish(ctx context.Context, database string, n size) (e *echo.Echo, cookie *http.Cookie, first domain.Migration, end func() error, err error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	keeper, err := keys.Open(ctx, "base64key://"+base64.URLEncoding.EncodeToString(key))
	if err != nil {
		return nil, nil, first, nil, err
	}
	rows, err := store.Open(ctx, database, mirror.On)
	if err != nil {
		return nil, nil, first, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, rows.Close())
		}
	}()
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.InfoLevel))
	s := service.New(service.Deps{Store: rows, Keeper: keeper, Now: time.Now, Log: log})
	if err := imported(ctx, s, n.integrations); err != nil {
		return nil, nil, first, nil, err
	}
	in, err := s.SignIn(ctx, "https://idp.test", "operator")
	if err != nil {
		return nil, nil, first, nil, err
	}
	list, err := s.Migrations(ctx, in.Caller, service.MigrationFilter{}, service.Page{})
	if err != nil {
		return nil, nil, first, nil, err
	}
	e = echo.New()
	server.Mount(e, server.Deps{Service: s, PublicURL: &url.URL{Scheme: "http", Host: "127.0.0.1"}, Stopping: ctx.Done(), Log: log, Health: health.New(time.Now, 0, log)})
	return e, &http.Cookie{Name: "consentry_session", Value: in.Cookie}, list.Items[0], rows.Close, nil
}

func imported(ctx context.Context, s *service.Service, integrations int) error {
	now := time.Now()
	account := service.InventoryAccount{ID: "acc", Name: "Contoso", Region: "eu", TimeZone: "Europe/Berlin"}
	for i := range integrations {
		id := fmt.Sprintf("int-%05d", i)
		account.Integrations = append(account.Integrations, service.InventoryIntegration{
			ID: id, Name: "Directory " + id, TenantID: fmt.Sprintf("11111111-1111-4111-8111-%012d", i), TenantDomain: id + ".test", Schedule: domain.SyncSchedule{TimesADay: 3},
			LegacyApp: service.InventoryLegacyApp{ClientID: "33333333-3333-4333-8333-333333333333", Name: "old app", Secret: "hush~hush~hush", SecretEndsAt: domain.At(now.Add(time.Hour))},
		})
	}
	day := domain.Duration(24 * time.Hour)
	system := domain.System("bench")
	_, err := s.ImportInventory(ctx, system, "", service.Inventory{
		Operators: []service.InventoryPerson{{Issuer: "https://idp.test", Subject: "operator", Name: "operator"}}, Accounts: []service.InventoryAccount{account},
		Campaigns: []service.InventoryCampaign{{ID: "campaign", Name: "Europe", Region: "eu", Terms: domain.CampaignTerms{
			AvailableFrom: domain.At(now.Add(-time.Hour)), Deadline: domain.At(now.Add(720 * time.Hour)), Reminders: []domain.Duration{day},
			ConsentGrace: day, ConsentBudget: day, ProofAge: day, FirstSync: day, WayBack: day, CleanUp: day,
		}}},
	})
	if err == nil {
		_, err = s.StartCampaign(ctx, system, "campaign")
	}
	return err
}
