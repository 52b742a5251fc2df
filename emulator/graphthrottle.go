package emulator

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Budgets of resource units and writes (facts 6.1). Limits of the real service may change and are sometimes enforced
// below their number; these are the documented ones.
const (
	unitWindow      = 10 * time.Second
	appUnits        = 150_000
	appUnitWindow   = 20 * time.Second
	writes          = 3_000
	writeWindow     = 150 * time.Second
	appWrites       = 70_000
	appWriteWindow  = 5 * time.Minute
	tenantWrites    = 18_000
	tenantWindow    = 5 * time.Minute
	reports         = 5   // of sign-ins, in the window of units (facts 6.3)
	throttleWarning = 0.8 // from here on answers say how much is used
)

// unitsOf is the budget of an app in a tenant by the tenant's number of users.
func unitsOf(users int) int {
	switch {
	case users < 50:
		return 3_500
	case users <= 500:
		return 5_000
	}
	return 8_000
}

// budgetBook holds how much of each budget is used. It is not state: a restart forgets it.
type budgetBook struct {
	mu   sync.Mutex
	used map[string]usage
}

// usage drains evenly over its window.
type usage struct {
	amount float64
	at     time.Time
}

// budget is one limit that a request counts against. Units are spent by reads and writes alike, which is why their
// scope says ReadWrite (facts 6.3).
type budget struct {
	name   string
	limit  int
	window time.Duration
	cost   int
	reason string
	scope  string // what x-ms-throttle-scope begins with
}

// cost is what a request takes in resource units (facts 6.2).
func (g *graphCall) cost(r *route) int {
	units := r.units
	if _, asked := g.option("select"); asked {
		units--
	}
	if _, asked := g.option("expand"); asked {
		units++
	}
	if top, asked := g.option("top"); asked {
		if n, err := strconv.Atoi(top); err == nil && n < 20 {
			units--
		}
	}
	return max(units, 1)
}

// spend counts a request against the budgets of its app and tenant, or refuses it until there is room again.
func (s *Server) spend(g *graphCall, r *route) *graphError {
	g.units = g.cost(r)
	switches := &g.switches.Graph
	if !switches.Throttling {
		return nil
	}
	s.mu.RLock()
	units := or(switches.ThrottleUnits, unitsOf(g.tenant.directory.People()))
	s.mu.RUnlock()
	app, tenant := key(g.app.AppID), key(g.tenant.ID)
	budgets := []budget{
		{"units " + tenant + " " + app, units, unitWindow, g.units, "ResourceUnitLimitExceeded", "Tenant_Application/ReadWrite"},
		{"units " + app, appUnits, appUnitWindow, g.units, "ResourceUnitLimitExceeded", "Application/ReadWrite"},
	}
	if r.report {
		budgets = append(budgets, budget{"reports " + tenant + " " + app, reports, unitWindow, 1, "ResourceUnitLimitExceeded", "Tenant_Application/Read"})
	}
	if r.method != http.MethodGet && !r.reads {
		budgets = append(budgets,
			budget{"writes " + tenant + " " + app, or(switches.ThrottleWrites, writes), writeWindow, 1, "WriteLimitExceeded", "Tenant_Application/Write"},
			budget{"writes of " + app, appWrites, appWriteWindow, 1, "WriteLimitExceeded", "Application/Write"},
			budget{"writes in " + tenant, tenantWrites, tenantWindow, 1, "WriteLimitExceeded", "Tenant/Write"})
	}
	exceeded, wait := s.budgets.spend(budgets, g.entry.At, &g.percent)
	if exceeded == nil {
		return nil
	}
	return &graphError{status: http.StatusTooManyRequests, code: "TooManyRequests", message: "Too many requests: the budget of the application is used up.",
		header: http.Header{
			"Retry-After":               {strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))},
			"X-Ms-Throttle-Scope":       {exceeded.scope + "/" + g.app.AppID + "/" + g.tenant.ID},
			"X-Ms-Throttle-Information": {exceeded.reason},
		}}
}

// spend takes the cost from every budget or, if one of them has no room, from none.
func (b *budgetBook) spend(budgets []budget, now time.Time, percent *float64) (*budget, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used == nil {
		b.used = map[string]usage{}
	}
	after := make([]usage, len(budgets))
	for i := range budgets {
		each := &budgets[i]
		rate := float64(each.limit) / each.window.Seconds()
		was := b.used[each.name]
		left := max(0, was.amount-max(0, now.Sub(was.at).Seconds())*rate)
		*percent = max(*percent, (left+float64(each.cost))/float64(each.limit))
		if over := left + float64(each.cost) - float64(each.limit); over > 0 {
			return each, time.Duration(over / rate * float64(time.Second))
		}
		after[i] = usage{amount: left + float64(each.cost), at: now}
	}
	for i := range budgets {
		b.used[budgets[i].name] = after[i]
	}
	return nil, 0
}
