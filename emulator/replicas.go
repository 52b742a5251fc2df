package emulator

import (
	"fmt"
	"hash/fnv"
	"slices"
	"sync/atomic"
	"time"
)

// Replica is one of the copies of the service behind its one address. It learns of changes to consents and keys later
// than they are made; two requests in succession may meet two replicas and get two answers.
type Replica struct {
	Name string   `json:"name"`
	Lag  Duration `json:"lag"`
}

func (r Replica) check() error {
	if r.Name == "" || r.Lag < 0 {
		return fmt.Errorf("a replica needs a name and a lag of zero or more, not %q and %s", r.Name, r.Lag)
	}
	return nil
}

// How a request meets a replica.
const (
	RoundRobin = "round-robin" // each request the next one
	Sticky     = "sticky"      // each tenant and app always the same one
)

// replicaSet chooses the replica of a request.
type replicaSet struct {
	all    []Replica
	sticky bool
	turn   atomic.Uint64
}

func (r *replicaSet) choose(c *call) Replica {
	switch {
	case len(r.all) == 0:
		return Replica{Name: "emulator"}
	case r.sticky:
		sum := fnv.New32a()
		_, _ = sum.Write([]byte(key(c.entry.TenantID) + "|" + key(c.entry.AppID)))
		return r.all[int(sum.Sum32()%uint32(len(r.all)))]
	}
	return r.all[int((r.turn.Add(1)-1)%uint64(len(r.all)))]
}

// place finds out by which replica and under which switches a request is answered.
func (s *Server) place(c *call) {
	c.replica = s.replicas.choose(c)
	s.mu.RLock()
	defer s.mu.RUnlock()
	c.switches = s.switchesOf(s.world.tenant(c.entry.TenantID))
}

// seen is the moment up to which the replica that answers has heard of changes.
func (c *call) seen() time.Time { return c.entry.At.Add(-time.Duration(c.replica.Lag)) }

// formerPrincipal is what a service principal was until an administrator changed it.
type formerPrincipal struct {
	principal
	until time.Time
}

// principalAt is an app's presence in the tenant as somebody sees it who has heard of changes up to a moment.
func (t *tenant) principalAt(appID string, seen time.Time) *principal {
	for i := range t.former[key(appID)] {
		if f := &t.former[key(appID)][i]; seen.Before(f.until) {
			return &f.principal
		}
	}
	return t.principals[key(appID)]
}

// remember keeps what a service principal is before it is changed, for replicas that have not heard of the change.
func (t *tenant) remember(p *principal, until time.Time) {
	if t.former == nil {
		t.former = map[string][]formerPrincipal{}
	}
	before := *p
	before.roles, before.scopes, before.earlier = slices.Clone(p.roles), slices.Clone(p.scopes), slices.Clone(p.earlier)
	t.former[key(p.appID)] = append(t.former[key(p.appID)], formerPrincipal{principal: before, until: until})
}

// removedKey is a certificate that was removed; replicas that have not heard of it accept it still.
type removedKey struct {
	credential
	at time.Time
}

// keysAt are the certificates that somebody knows who has heard of changes up to a moment.
func (a *application) keysAt(seen time.Time) []credential {
	var known []credential
	for i := range a.keys {
		if !seen.Before(a.keys[i].visibleAt) {
			known = append(known, a.keys[i])
		}
	}
	for _, k := range a.removed {
		if seen.Before(k.at) && !seen.Before(k.visibleAt) {
			known = append(known, k.credential)
		}
	}
	return known
}
