package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"consentry/internal/health"
)

// answers knows whether Microsoft answers, from what this process asks anyhow: a
// probe of our own would cost requests and tell of one tenant only.
type answers struct {
	mu     sync.Mutex
	failed int // in a row
	at     time.Time
}

const (
	// awayAfter failures in a row are no stumble any more.
	awayAfter = 3
	// answersCount is how long they tell something about now.
	answersCount = 10 * time.Minute
)

func (a *answers) note(outcome string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch outcome {
	case "cancelled": // by us
		return
	case "unreachable", "unavailable":
		a.failed++
	default: // also a refusal is an answer
		a.failed = 0
	}
	a.at = now
}

func (a *answers) probe(now func() time.Time) health.Probe {
	return health.Probe{
		Name: "microsoft", Advisory: true,
		Check: func(context.Context) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.failed >= awayAfter && now().Sub(a.at) < answersCount {
				return fmt.Errorf("the last %d requests to Microsoft met no answer or a fault of Microsoft", a.failed)
			}
			return nil
		},
		Means:  "Microsoft, or the way to it, does not answer. Sign-ins with consents fail; synchronizations and migrations wait and go on by themselves.",
		Remedy: "Look at Microsoft's status page and at the network's way out (proxy, name resolution, --ca-file); nothing here has to be restarted.",
	}
}
