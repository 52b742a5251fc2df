package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"consentry/dev/stack"
	"consentry/dev/world"
)

// settle is how long a process is left alone before it counts as idle.
const settle = 20 * time.Second

// memory measures what each process holds after its start, idle.
func memory(ctx context.Context, report func(figure)) (err error) {
	dir, err := os.MkdirTemp("", "consentry-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder left behind harms nothing
	s, err := stack.Start(ctx, stack.Options{
		Dir: filepath.Join(dir, "state"), World: world.New(3, world.Size{Users: 30, Groups: 4}, time.Now().AddDate(1, 0, 0)),
		SweepEvery: time.Minute, WorkerProcess: true, WorkerProgram: "bin/consentry-worker", TemporalDev: "bin/temporal-dev",
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	api, err := s.Run(ctx, "bin/consentry-api", "CONSENTRY_LISTEN=127.0.0.1:0")
	if err != nil {
		return err
	}
	defer api.Stop(settle)
	microsoft, err := s.Run(ctx, "bin/entra-emulator", "EMULATOR_HTTPS=127.0.0.1:0", "EMULATOR_HTTP=127.0.0.1:0")
	if err != nil {
		return err
	}
	defer microsoft.Stop(settle)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settle):
	}
	for _, p := range []struct {
		name string
		pid  int
	}{{"worker", s.WorkerPID()}, {"api", api.PID()}, {"temporal_dev", s.TemporalPID()}, {"emulator", microsoft.PID()}} {
		held, err := resident(p.pid)
		if err != nil {
			return fmt.Errorf("the memory of %s: %w", p.name, err)
		}
		report(figure{Name: "job.rss." + p.name, Value: held, Unit: "MiB", Note: fmt.Sprintf("resident, %v after its start, idle", settle)})
	}
	return nil
}

// resident is a process's resident memory in MiB.
func resident(pid int) (float64, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if size, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(size), "kB")), 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("its status names no resident memory")
}
