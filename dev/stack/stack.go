package stack

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"consentry/dev/postgres"
	"consentry/dev/world"
	"consentry/emulator"
	"consentry/internal/app"
)

// Options say how the stack is run.
type Options struct {
	Dir           string // all state: databases, keys, the emulator's world, logs
	Ports         Ports
	Database      string // sqlite or postgres; "" is what the folder has, SQLite in a new one
	World         *world.World
	SealingKey    string // URL of the key that seals secrets; "" makes one that is kept in Dir
	SweepEvery    time.Duration
	ConsentDelay  time.Duration // how long Microsoft takes to spread a consent
	KeyDelay      time.Duration // … and a new certificate
	WorkerProcess bool          // the worker as a process of its own, to be killed
	WorkerProgram string        // the worker's program, for WorkerProcess
	TemporalDev   string        // the Temporal server's program
	TemporalCodec string        // where its UI has payloads decrypted; "" is the console's endpoint
	LogFormat     string        // app.FormatJSON or app.FormatHuman; "" is the latter
	Say           func(string)  // progress, a sentence at a time
}

// Stack is the running system.
type Stack struct {
	Emulator *emulator.Server
	App      *app.App // the process of the API and console
	Console  string   // public address
	UI       string   // Temporal's
	Issuer   string   // the console's identity provider

	options  Options
	log      *zap.Logger
	cluster  *postgres.Cluster // nil on SQLite
	temporal *Process
	worker   *Process
	inside   *app.Worker
	api      *app.API
	env      []string
	lock     *os.File
}

// Start brings everything up and returns when it is ready, not merely started.
func Start(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{options: o}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) (err error) {
	o := &s.options
	address := os.Getenv("TEMPORAL_ADDRESS")
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	o.LogFormat = cmp.Or(o.LogFormat, app.FormatHuman)
	if s.lock, err = lockFolder(o.Dir); err != nil {
		return err
	}
	if err := o.settleDatabase(); err != nil {
		return err
	}
	if err := postgres.Vacated(ctx, o.postgresDir()); err != nil {
		return err
	}
	if err := o.Ports.claim(address == "", o.Database == onPostgres); err != nil {
		return err
	}
	if s.log, err = app.NewLogger("info", o.LogFormat, filepath.Join(o.Dir, "consentry.log")); err != nil {
		return err
	}
	temporalUp, databaseUp := make(chan error, 1), make(chan error, 1)
	go func() { temporalUp <- s.startTemporal(ctx, address) }()
	go func() { databaseUp <- s.startPostgres(ctx) }()
	if err := errors.Join(s.startEmulator(), <-temporalUp, <-databaseUp); err != nil {
		return err
	}
	config, err := s.configure()
	if err != nil {
		return err
	}
	if s.App, err = app.Open(ctx, config, s.log); err != nil {
		return err
	}
	if err := errors.Join(s.registerCells(ctx), s.inviteOperator(ctx), s.issueOperatorToken(ctx)); err != nil {
		return err
	}
	if s.api, err = s.App.StartAPI(ctx); err != nil {
		return err
	}
	return s.StartWorker(ctx)
}

// startTemporal starts the server, or says that another is used.
func (s *Stack) startTemporal(ctx context.Context, address string) error {
	if address != "" {
		s.say("using the Temporal server at " + address)
		s.UI = os.Getenv("CONSENTRY_TEMPORAL_UI")
		return nil
	}
	dir := filepath.Join(s.options.Dir, "temporal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	console := "http://" + loopback(s.options.Ports.Console)
	p, err := startProcess(ctx, filepath.Join(s.options.Dir, "temporal.log"), nil, s.options.TemporalDev,
		"server", "start-dev", "--ui-codec-endpoint", cmp.Or(s.options.TemporalCodec, console+"/codec"), "--ui-sign-in", console, "--port", fmt.Sprint(s.options.Ports.Temporal), "--ui-port", fmt.Sprint(s.options.Ports.TemporalUI), "--db-dir", dir)
	if err != nil {
		return err
	}
	s.temporal = p
	s.UI = "http://" + loopback(s.options.Ports.TemporalUI)
	s.env = append(s.env, "TEMPORAL_ADDRESS="+s.Temporal())
	return nil
}

// Temporal is our own server's address; "" leaves it to the environment.
func (s *Stack) Temporal() string {
	if s.temporal == nil {
		return ""
	}
	return loopback(s.options.Ports.Temporal)
}

func (s *Stack) startEmulator() error {
	em, err := emulator.New(emulator.Config{
		StateDir: filepath.Join(s.options.Dir, "microsoft"), HTTPSAddr: loopback(s.options.Ports.EmulatorHTTPS), HTTPAddr: loopback(s.options.Ports.EmulatorHTTP),
		Now: time.Now, ConsentDelay: s.options.ConsentDelay, KeyDelay: s.options.KeyDelay, Logger: s.log.Named("microsoft"),
	})
	if err != nil {
		return fmt.Errorf("the emulated Microsoft: %w", err)
	}
	if err := em.Start(); err != nil {
		return fmt.Errorf("the emulated Microsoft: %w", err)
	}
	s.Emulator = em
	s.Console = "http://" + loopback(s.options.Ports.Console)
	s.Issuer = em.HTTPSURL() + "/" + s.options.World.Home.ID + "/v2.0"
	if err := s.recallExpiry(); err != nil {
		return err
	}
	if err := s.options.World.Populate(em, s.Console); err != nil {
		return fmt.Errorf("the emulated Microsoft's world: %w", err)
	}
	return nil
}

// On a laptop somebody wants to see an account leave, and to think better of it.
const (
	deletionWait = 2 * time.Minute
	evidenceFor  = time.Hour
)

// configure writes the secrets that processes are given as files and returns
// the configuration, which the worker gets as its environment.
func (s *Stack) configure() (app.Config, error) {
	dir := s.options.Dir
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if err := errors.Join(
		writeOnce(filepath.Join(dir, "sealing-key"), cmp.Or(s.options.SealingKey, "base64key://"+base64.URLEncoding.EncodeToString(key))),
		os.WriteFile(filepath.Join(dir, "console-secret"), []byte(s.options.World.Console.Secret), 0o600),
		os.WriteFile(filepath.Join(dir, "microsoft-ca.pem"), s.Emulator.CAPEM(), 0o600),
	); err != nil {
		return app.Config{}, err
	}
	c := app.Config{
		KeyFile:   filepath.Join(dir, "sealing-key"),
		PublicURL: s.Console, Listen: loopback(s.options.Ports.Console), MetricsListen: loopback(0),
		Cloud: "custom", Authority: s.Emulator.HTTPSURL(), BrowserAuthority: s.Emulator.HTTPURL(), GraphURL: s.Emulator.HTTPSURL() + "/v1.0",
		CAFile:        filepath.Join(dir, "microsoft-ca.pem"),
		ConsoleIssuer: s.Issuer, ConsoleClientID: s.options.World.Console.ClientID, ConsoleSecretFile: filepath.Join(dir, "console-secret"),
		Regions: s.options.World.Regions(), SweepEvery: s.options.SweepEvery, PayloadKeyPeriod: 90 * 24 * time.Hour, DeletionWait: deletionWait, EvidenceFor: evidenceFor,
		TemporalAddress: s.Temporal(), TemporalUI: s.UI, LogLevel: "info", LogFormat: s.options.LogFormat,
	}
	c.Database, c.DatabaseFile = s.options.databaseSetting()
	s.env = append(s.env,
		"CONSENTRY_DATABASE="+c.Database, "CONSENTRY_DATABASE_FILE="+c.DatabaseFile, "CONSENTRY_KEY_FILE="+c.KeyFile, "CONSENTRY_PUBLIC_URL="+c.PublicURL, "CONSENTRY_LISTEN="+c.Listen,
		"CONSENTRY_METRICS_LISTEN="+loopback(0),
		"CONSENTRY_CLOUD="+c.Cloud, "CONSENTRY_AUTHORITY="+c.Authority, "CONSENTRY_BROWSER_AUTHORITY="+c.BrowserAuthority, "CONSENTRY_GRAPH_URL="+c.GraphURL,
		"CONSENTRY_CA_FILE="+c.CAFile, "CONSENTRY_CONSOLE_ISSUER="+c.ConsoleIssuer, "CONSENTRY_CONSOLE_CLIENT_ID="+c.ConsoleClientID,
		"CONSENTRY_CONSOLE_SECRET_FILE="+c.ConsoleSecretFile, "CONSENTRY_REGIONS="+strings.Join(c.Regions, ","),
		"CONSENTRY_SWEEP_EVERY="+c.SweepEvery.String(), "CONSENTRY_DELETION_WAIT="+c.DeletionWait.String(), "CONSENTRY_EVIDENCE_FOR="+c.EvidenceFor.String(),
		"CONSENTRY_LOG_LEVEL="+c.LogLevel, "CONSENTRY_LOG_FORMAT="+c.LogFormat)
	return c, nil
}

// StartWorker starts the worker the way the options say and returns when it
// polls.
func (s *Stack) StartWorker(ctx context.Context) (err error) {
	if !s.options.WorkerProcess {
		s.inside, err = app.StartWorker(ctx, s.App)
		return err
	}
	s.worker, err = startProcess(ctx, filepath.Join(s.options.Dir, "worker.log"), s.env, s.options.WorkerProgram)
	return err
}

// Worker is the worker's process, if it is one of its own.
func (s *Stack) Worker() *Process { return s.worker }

// WorkerPID is the id of the worker's process.
func (s *Stack) WorkerPID() int { return s.worker.PID() }

// WorkerMetrics is where the worker's process shows its health and metrics.
func (s *Stack) WorkerMetrics() string { return s.worker.Internals() }

// KillWorker ends the worker's process as a power cut would.
func (s *Stack) KillWorker() int {
	pid := s.worker.PID()
	s.worker.Kill()
	return pid
}

// Close stops everything in the reverse order, within a few seconds.
func (s *Stack) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	var errs []error
	if s.api != nil {
		errs = append(errs, s.api.Close(ctx))
	}
	if s.worker != nil {
		s.worker.Stop(3 * time.Second)
	}
	if s.inside != nil {
		s.inside.Stop()
	}
	if s.App != nil {
		errs = append(errs, s.App.Close())
	}
	if s.Emulator != nil {
		errs = append(errs, s.Emulator.Close(ctx))
	}
	if s.temporal != nil {
		s.temporal.Stop(4 * time.Second)
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close()) // and with it the lock goes
	}
	return errors.Join(errs...)
}

// TemporalDied is closed when the Temporal server of this stack has ended by
// itself; it is nil when another server is used.
func (s *Stack) TemporalDied() <-chan struct{} {
	if s.temporal == nil {
		return nil
	}
	return s.temporal.Done()
}

func (s *Stack) say(sentence string) {
	if s.options.Say != nil {
		s.options.Say(sentence)
	}
}

// writeOnce writes a file unless it is there: a sealing key must never change
// under what it has sealed.
func writeOnce(path, content string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}
