package build

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABuildHasANameWithoutVersionControl(t *testing.T) {
	v, r := Name()
	require.NotEmpty(t, v)
	require.NotEqual(t, unknown, r, "the linker's note names the executable")
	require.Regexp(t, `^exe-[0-9a-f]{12}$`, executable())
}

func TestACommitWithChangesIsAnother(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "abc"}
	require.Equal(t, "abc", commit([]debug.BuildSetting{revision}))
	require.Equal(t, "abc+changed", commit([]debug.BuildSetting{revision, {Key: "vcs.modified", Value: "true"}}))
	require.Empty(t, commit(nil))
}
