package service

import (
	"context"
	"strconv"
	"sync"
	"time"

	"consentry/internal/domain"
)

// AuditCheck walks the audit's chains, a batch at a time and round after round,
// and counts what is broken: an entry that does not follow from the one before,
// and a chain that has become shorter. A chain that retention purged whole is
// not broken if its checkpoint in the vendor's chain is of the very entry that
// was its last. Each process begins anew, so what was cut off a chain's end
// before its start is not noticed by it.
type AuditCheck struct {
	service *Service

	mu      sync.Mutex // guards the rest
	seq     int64
	ended   time.Time         // of the last whole round
	last    map[string]link   // the last entry of each chain in this round
	heads   map[string]link   // … in the round before
	purged  map[string]purged // checkpoints of this round
	broken  map[int64]bool    // entries
	missing map[string]bool   // chains
}

type link struct {
	seq  int64
	hash string
}

type purged struct{ entries, last string }

// NewAuditCheck begins at the first entry.
func NewAuditCheck(s *Service) *AuditCheck {
	c := &AuditCheck{service: s, broken: map[int64]bool{}, missing: map[string]bool{}}
	c.begin()
	return c
}

func (c *AuditCheck) begin() {
	c.seq, c.heads, c.last, c.purged = 0, c.last, map[string]link{}, map[string]purged{}
}

const (
	// auditBatch is how many entries are checked in one read.
	auditBatch = 2000
	// auditEvery is how long after a round the next begins.
	auditEvery = time.Hour
)

// Next checks the next batch, and reports how many breaks were found so far and
// up to which entry this round has come.
func (c *AuditCheck) Next(ctx context.Context) (breaks int, seq int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var entries []domain.AuditEntry
	var now time.Time
	err = c.service.Read(ctx, domain.System("monitoring"), func(t *Tx) (err error) {
		now = t.Now
		if !c.ended.IsZero() && now.Sub(c.ended) >= auditEvery {
			c.ended = time.Time{}
			c.begin()
		}
		entries, err = t.Rows.Audit().List(Query{Where: Where{"seq >": c.seq}, Order: []string{"seq"}, Limit: auditBatch})
		return err
	})
	if err == nil {
		err = c.follow(entries)
	}
	if err == nil && len(entries) < auditBatch && c.ended.IsZero() {
		c.ended = now
		c.compare()
	}
	return len(c.broken) + len(c.missing), c.seq, err
}

func (c *AuditCheck) follow(entries []domain.AuditEntry) error {
	for _, e := range entries {
		hash, err := AuditHash(e)
		if err != nil {
			return err
		}
		before := c.last[e.Chain]
		if hash != e.Hash || e.Previous != before.hash || e.ChainSeq != before.seq+1 {
			c.broken[e.Seq] = true
		}
		if e.Chain == "" && e.Action == auditPurge {
			c.purged[e.Subject] = purged{e.Detail["entries"], e.Detail["last"]}
		}
		c.last[e.Chain], c.seq = link{e.ChainSeq, e.Hash}, e.Seq
	}
	return nil
}

// compare holds this round's chains against those of the round before.
func (c *AuditCheck) compare() {
	for chain, was := range c.heads {
		if c.last[chain].seq >= was.seq {
			continue
		}
		// Entries may have come between the round before and the purge, so the
		// checkpoint is at least as long; of equal length it names the same entry. The
		// purge goes on from the end, so a beginning may still be there.
		p, known := c.purged[chain]
		entries, err := strconv.ParseInt(p.entries, 10, 64)
		if !known || err != nil || entries < was.seq || (entries == was.seq && p.last != was.hash) {
			c.missing[chain] = true
		}
	}
}
