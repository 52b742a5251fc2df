package emulator

import (
	"fmt"
	"net/http"
	"time"
)

// GraphSwitches choose where Graph's behaviour is undocumented, was seen to differ, or is too strict for most uses. The
// zero value is the default of each.
type GraphSwitches struct {
	// Throttling spends resource units by the documented table and answers 429 when they are used up. Off by default:
	// a test that reads fast is seldom about throttling.
	Throttling bool `json:"throttling,omitempty"`
	// ThrottleUnits and ThrottleWrites replace the documented budgets of an app in a tenant: units in ten seconds by
	// the size of the tenant, 3,000 writes in 150 seconds.
	ThrottleUnits  int `json:"throttleUnits,omitempty"`
	ThrottleWrites int `json:"throttleWrites,omitempty"`
	// DeltaLifetime is how long delta tokens work; default 7 days.
	DeltaLifetime Duration `json:"deltaLifetime,omitempty"`
	// ExpiredDelta is the status for a delta token that is too old: 410 with Location (default), 400 or 404.
	ExpiredDelta int `json:"expiredDelta,omitempty"`
	// PageTokenLifetime is how long the tokens of lists work; default one hour.
	PageTokenLifetime Duration `json:"pageTokenLifetime,omitempty"`
	// DefaultTop and MaxTop are the sizes of the pages of lists; default 100 and 999.
	DefaultTop int `json:"defaultTop,omitempty"`
	MaxTop     int `json:"maxTop,omitempty"`
	// ProofForGraph accepts proofs of key possession addressed to Graph too, as a page once said.
	ProofForGraph bool `json:"proofForGraph,omitempty"`
	// ProofPS256 accepts proofs signed by PS256, of which the documents say nothing.
	ProofPS256 bool `json:"proofPs256,omitempty"`
	// BareAddKey answers addKey without the key's id, as the example in the documents does.
	BareAddKey bool `json:"bareAddKey,omitempty"`
	// NullKeyRefused refuses a PATCH that lists a known key without its certificate, instead of keeping it.
	NullKeyRefused bool `json:"nullKeyRefused,omitempty"`
	// SameKeyRefused refuses a certificate that the app has already; the documents do not say, and it is added again.
	SameKeyRefused bool `json:"sameKeyRefused,omitempty"`
	// LateKeyEnd takes keys that are to end after their certificate does.
	LateKeyEnd bool `json:"lateKeyEnd,omitempty"`
	// OrderedBatch answers the requests of a batch in their order; Graph promises none, and the default is the reverse.
	OrderedBatch bool `json:"orderedBatch,omitempty"`
	// NoErrorCode leaves the code of errors empty, and LowerInnerError writes innererror: both were seen.
	NoErrorCode     bool `json:"noErrorCode,omitempty"`
	LowerInnerError bool `json:"lowerInnerError,omitempty"`
	// Delta makes every delta round of the tenant come with what Graph only sometimes does.
	Delta DeltaQuirks `json:"delta,omitzero"`
}

// DeltaQuirks are what a reader of delta queries must be ready for.
type DeltaQuirks struct {
	Duplicates bool `json:"duplicates,omitempty"` // the first objects of a page stand at its end once more
	Reordered  bool `json:"reordered,omitempty"`  // a round beginning now comes in another order, its pages backwards
	EmptyPages int  `json:"emptyPages,omitempty"` // so many pages without objects, with a nextLink, before each page
	Replay     int  `json:"replay,omitempty"`     // a round beginning now tells so many older changes again
	Tombstones bool `json:"tombstones,omitempty"` // first rounds tell of deleted objects as well
	Chunk      int  `json:"chunk,omitempty"`      // large groups come in chunks of so many members, among the others
}

// and joins two sets of quirks.
func (q DeltaQuirks) and(other *DeltaQuirks) DeltaQuirks {
	if other == nil {
		return q
	}
	return DeltaQuirks{Duplicates: q.Duplicates || other.Duplicates, Reordered: q.Reordered || other.Reordered,
		EmptyPages: max(q.EmptyPages, other.EmptyPages), Replay: max(q.Replay, other.Replay),
		Tombstones: q.Tombstones || other.Tombstones, Chunk: max(q.Chunk, other.Chunk)}
}

// negative names a field that is.
func (q *DeltaQuirks) negative() string {
	switch {
	case q.EmptyPages < 0:
		return "emptyPages"
	case q.Replay < 0:
		return "replay"
	case q.Chunk < 0:
		return "chunk"
	}
	return ""
}

func (s *GraphSwitches) check() error {
	switch s.ExpiredDelta {
	case 0, http.StatusGone, http.StatusBadRequest, http.StatusNotFound:
	default:
		return fmt.Errorf("expiredDelta is one of 410, 400 and 404, not %d", s.ExpiredDelta)
	}
	for name, n := range map[string]int{"throttleUnits": s.ThrottleUnits, "throttleWrites": s.ThrottleWrites, "defaultTop": s.DefaultTop,
		"maxTop": s.MaxTop, "deltaLifetime": int(s.DeltaLifetime), "pageTokenLifetime": int(s.PageTokenLifetime)} {
		if n < 0 {
			return fmt.Errorf("%s cannot be negative", name)
		}
	}
	if field := s.Delta.negative(); field != "" {
		return fmt.Errorf("delta.%s cannot be negative", field)
	}
	return nil
}

func or[T comparable](value, otherwise T) T {
	var none T
	if value == none {
		return otherwise
	}
	return value
}

// The documented and usual values.
const (
	// deltaLifetime is how long directory delta tokens work (facts 5.10).
	deltaLifetime     = Duration(7 * 24 * time.Hour)
	pageTokenLifetime = Duration(time.Hour)
	defaultTop        = 100
	maxTop            = 999
)
