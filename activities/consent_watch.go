package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// probesInARow is how many successes prove a consent: servers of Microsoft learn
// of it one after the other, and one success proves one server.
const probesInARow = 3

// consentWatch tries the calls of a connector until they work, or until its
// patience is over and somebody has to look. While Microsoft does not answer at
// all, nothing is concluded.
type consentWatch struct {
	Consents ConsentProber
	Now      func() time.Time
	Every    time.Duration // between two probes; zero = two seconds

	// Look reads what to probe; over means that there is nothing left to do.
	Look func(context.Context) (watched, bool, error)
	// Works and Fails record how it ended.
	Works func(context.Context) error
	Fails func(ctx context.Context, code string) error
	// Waits and Answers record that Microsoft does not answer, and does again.
	Waits   func(ctx context.Context, code string, retryAt time.Time) error
	Answers func(context.Context) error
}

type watched struct {
	CellID, TenantID string
	Until            time.Time
	Waiting          bool // a note says that Microsoft does not answer
}

func (w consentWatch) run(ctx context.Context) error {
	defer beat(ctx)() // one probe may take long while Microsoft is away
	for inARow := 0; ; {
		at, over, err := w.Look(ctx)
		if over || err != nil {
			return err
		}
		fault := w.Consents.ProbeConsent(ctx, at.CellID, at.TenantID)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d := diagnose(fault)
		if d.verdict != noAnswer && at.Waiting {
			if err := w.Answers(ctx); err != nil {
				return err
			}
		}
		switch {
		case d.verdict == works:
			if inARow++; inARow >= probesInARow {
				return w.Works(ctx)
			}
		case d.verdict == refuses, d.verdict == spreads && !w.Now().Before(at.Until):
			return w.Fails(ctx, d.code)
		case d.verdict == noAnswer:
			inARow = 0
			if err := w.Waits(ctx, d.code, w.Now().Add(d.wait)); err != nil {
				return err
			}
		default:
			inARow = 0
		}
		if err := w.pause(ctx, d.wait); err != nil {
			return err
		}
	}
}

// pause waits for the next probe, and no longer than the worker and the attempt
// live.
func (w consentWatch) pause(ctx context.Context, asked time.Duration) error {
	every := w.Every
	if every <= 0 {
		every = 2 * time.Second
	}
	timer := time.NewTimer(max(every, min(asked, 30*time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-activity.GetWorkerStopChannel(ctx):
		return errWorkerStops
	}
}
