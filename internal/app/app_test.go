package app

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/dirsync"
	"consentry/internal/entra"
)

// What is asked of Microsoft and what is decoded are declared in two rooms that
// do not know each other; here they meet.
func TestWhatIsSelectedIsWhatIsDecoded(t *testing.T) {
	sorted := func(names []string) []string { return slices.Sorted(slices.Values(names)) }
	require.Equal(t, sorted(dirsync.UserSelect), sorted(entra.UserProperties))
	require.Equal(t, sorted(dirsync.GroupSelect), sorted(entra.GroupProperties))
}

func TestAWrongConfigurationIsReportedAllAtOnceWithoutSecrets(t *testing.T) {
	c := Config{
		Database: "x.db", KeyFile: "/nonexistent/key", PublicURL: "ftp://x", ConsoleIssuer: "http://plain", ConsoleSecretFile: "/nonexistent/secret",
		Cloud: "custom", Authority: "http://plain", GraphURL: "", SweepEvery: 1,
	}
	err := c.Validate()
	for _, flag := range []string{"--key-file", "--public-url", "--console-issuer", "--console-secret-file", "--authority", "--graph-url", "--regions", "--sweep-every"} {
		require.ErrorContains(t, err, flag)
	}
}
