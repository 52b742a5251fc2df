// Package emulatorbench measures what the emulator of Microsoft's services costs, and what our reading of Graph costs
// beside the other ways to do it. Every time is processor time of the whole process, garbage collection included,
// compared with a baseline that is measured in turn with it.
package emulatorbench

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"
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

// size is how much is measured.
type size struct {
	users    int // of the tenant
	pages    int // of a delta query that are read again and again
	requests int // for a rate
	pairs    int // how often each way is measured, in turn with the others
}

// Run measures all figures named emulator.*.
func Run(ctx context.Context, report func(Figure)) error {
	return run(ctx, size{users: 100_000, pages: 60, requests: 300, pairs: 7}, report)
}

func run(ctx context.Context, n size, report func(Figure)) error {
	checked := func(f Figure) {
		f.OK = f.Op == "" || f.Op == "<=" && f.Value <= f.Target || f.Op == ">=" && f.Value >= f.Target
		report(f)
	}
	b, err := newScene(ctx, n, checked)
	if err != nil {
		return fmt.Errorf("prepare the emulator: %w", err)
	}
	defer func() { _ = b.server.Close(context.WithoutCancel(ctx)) }() // the process ends soon
	for _, part := range []func(context.Context, func(Figure)) error{b.reading, b.tokens, b.pages} {
		if err := part(ctx, checked); err != nil {
			return err
		}
	}
	return nil
}

// processorTime is what the process has used so far.
func processorTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// way is one way to do the same work.
type way struct {
	name string
	do   func(context.Context) error
}

// inTurn measures ways alternately and returns the processor time of each, pass by pass. The first pass only warms up.
func inTurn(ctx context.Context, pairs int, ways ...way) ([][]time.Duration, error) {
	spent := make([][]time.Duration, len(ways))
	for pass := range pairs + 1 {
		for i := range ways {
			before := processorTime()
			if err := ways[i].do(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", ways[i].name, err)
			}
			if pass > 0 {
				spent[i] = append(spent[i], processorTime()-before)
			}
		}
	}
	return spent, nil
}

// ratio is the median of the quotients of two ways, pass by pass.
func ratio(of, to []time.Duration) float64 {
	var quotients []float64
	for i := range of {
		quotients = append(quotients, float64(of[i])/float64(max(to[i], 1)))
	}
	return median(quotients)
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// each is the median time for one of n things.
func each(spent []time.Duration, n int) string {
	return (median(spent) / time.Duration(n)).Round(10 * time.Nanosecond).String()
}
