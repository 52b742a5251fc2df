package emulatorbench

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRatiosAreMediansOfPairs(t *testing.T) {
	of := []time.Duration{10, 90, 30}
	to := []time.Duration{10, 30, 15}
	require.InDelta(t, 2.0, ratio(of, to), 1e-9, "of 1, 3 and 2")
}

func TestAllFiguresAreNamedForTheEmulator(t *testing.T) {
	if testing.Short() {
		t.SkipNow()
	}
	seen := map[string]Figure{}
	require.NoError(t, Run(t.Context(), func(f Figure) { seen[f.Name] = f }))
	for name, f := range seen {
		require.True(t, strings.HasPrefix(name, "emulator."), name)
		require.Positive(t, f.Value, name)
		t.Logf("%+v", f)
	}
	require.Len(t, seen, 8)
}
