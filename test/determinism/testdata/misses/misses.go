// Package misses holds one workflow for each kind of non-determinism that the checker must report: the first of those
// it knows, the others because config.yaml names them.
package misses

import (
	cryptorand "crypto/rand"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"
)

func Clock(workflow.Context) time.Time { return time.Now() }

func Random(workflow.Context) int { return rand.IntN(7) }

func Secret(workflow.Context) string { return cryptorand.Text() }

func UUID(workflow.Context) string { return uuid.NewString() }

func Zone(ctx workflow.Context) time.Time { return workflow.Now(ctx).In(time.Local) }

func ZoneData(workflow.Context) (*time.Location, error) { return time.LoadLocation("Europe/Berlin") }

func Wait(workflow.Context) *time.Timer { return time.NewTimer(time.Second) }

func Lock(workflow.Context) {
	var mutex sync.Mutex
	mutex.Lock()
	defer mutex.Unlock()
}

func Environment(workflow.Context) string { return os.Getenv("REGION") }

// Sound is the one that must not be reported.
func Sound(ctx workflow.Context) error {
	return workflow.Sleep(ctx, time.Hour)
}
