//go:build soak

package soak

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fuzzed are the rooms that read what strangers write: answers, tokens, callbacks, pages.
var fuzzed = []string{"./internal/consent", "./internal/dirsync", "./internal/entra", "./emulator"}

// TestSoakFuzz runs every fuzz target for FUZZTIME (default: ten minutes), one at a time. What it finds, the Go tool
// leaves in the room's testdata/fuzz, from where go test repeats it for ever. The first run of internal/entra builds
// the Graph SDK once more, with the fuzzer's instruments: minutes on an idle machine.
func TestSoakFuzz(t *testing.T) {
	each := 10 * time.Minute
	if given := os.Getenv("FUZZTIME"); given != "" {
		var err error
		each, err = time.ParseDuration(given)
		require.NoError(t, err, "FUZZTIME is a duration, such as 90s")
	}
	run := func(t *testing.T, args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = "../.."
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	for _, room := range fuzzed {
		targets := 0
		for line := range strings.Lines(run(t, "test", "-list", "^Fuzz", room)) {
			target := strings.TrimSpace(line)
			if !strings.HasPrefix(target, "Fuzz") {
				continue
			}
			targets++
			t.Run(target, func(t *testing.T) {
				// No other test of the room: they were run, and -run= would repeat them in every worker.
				t.Log(run(t, "test", "-run", "^$", "-fuzz", "^"+target+"$", "-fuzztime", each.String(), "-timeout", (each + 5*time.Minute).String(), room))
			})
		}
		require.NotZero(t, targets, "%s has nothing to fuzz", room)
	}
}
