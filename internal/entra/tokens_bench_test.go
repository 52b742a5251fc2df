package entra_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/entra"
)

// BenchmarkClientPerTenant is the price of docs/decisions/one-token-client-per-tenant.md: heap for each tenant that
// holds a token, and the time a cached token takes when 5,000 are held.
func BenchmarkClientPerTenant(b *testing.B) {
	const tenants = 5000
	service := newFake(b)
	// As long as a token for Graph is.
	token := strings.Repeat("e", 2000)
	service.token = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": token})
	}
	access := func(i int) entra.Access {
		return entra.Access{TenantID: fmt.Sprintf("11111111-aaaa-4bbb-8ccc-%012d", i%tenants), CellID: "cell-1"}
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	tokens := entra.NewTokens(service.cloud(), newCredentials(), time.Now)
	_, err := tokens.Token(b.Context(), access(0))
	require.NoError(b, err)
	before := heap()
	for i := range tenants {
		_, err := tokens.Token(b.Context(), access(i))
		require.NoError(b, err)
	}
	service.mu.Lock()
	service.requests = nil // the fake's own notes are none of the price
	service.mu.Unlock()
	held := heap() - before
	i := 0
	for b.Loop() {
		if _, err := tokens.Token(b.Context(), access(i)); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(held)/tenants, "bytes/tenant")
	b.ReportMetric(float64(held)/(1<<20), "MB/5000-tenants")
}
