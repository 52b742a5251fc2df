package architecture_test

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"consentry/test/architecture"
)

func TestNoCleanupUsesACancelledContext(t *testing.T) {
	found, err := architecture.DeadCleanups(os.DirFS("../.."))
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestACancelledContextInACleanupIsFound(t *testing.T) {
	for body, faults := range map[string]int{
		`t.Cleanup(func() { s.Close(t.Context()) })`:                                                         1,
		`t.Cleanup(func() { s.Close(context.WithoutCancel(t.Context())) })`:                                  0,
		`t.Cleanup(func() { c, _ := context.WithTimeout(t.Context(), 1); s.Close(c) }); s.Open(t.Context())`: 1,
		`s.Close(t.Context())`: 0,
	} {
		found, err := architecture.DeadCleanups(fstest.MapFS{"a/a_test.go": {Data: []byte("package a\n\nfunc x() {\n\t" + body + "\n}\n")}})
		require.NoError(t, err)
		require.Len(t, found, faults, body)
	}
}
