package architecture

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// What every line has without a word of ours.
var everyLine = []string{"ts", "level", "logger", "msg"}

func TestTheLogHasKeysOfTheListOnly(t *testing.T) {
	root := os.DirFS("../..")
	wrong, used, err := checkLog(root)
	require.NoError(t, err)
	require.Empty(t, wrong)

	keys, err := logKeys(root)
	require.NoError(t, err)
	require.ElementsMatch(t, slices.Collect(maps.Keys(keys)), slices.Collect(maps.Keys(used)), "each key is used, and none but these")

	text, err := os.ReadFile("../../docs/log-keys.md")
	require.NoError(t, err)
	var documented []string
	_, table, _ := strings.Cut(string(text), "| key | meaning |")
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(table, -1) {
		documented = append(documented, row[1])
	}
	require.ElementsMatch(t, append(slices.Collect(maps.Values(keys)), everyLine...), documented, "docs/log-keys.md lists each with its meaning and unit")
}

func TestALineOfTheLogThatVariesIsFound(t *testing.T) {
	for code, finds := range map[string]string{
		`log.Info("fixed", zap.String(logkey.Route, r), zap.Error(err))`: "",
		`activity.GetLogger(ctx).Warn("fixed", logkey.Region, r)`:        "",
		`s.logFor(ctx).Warn("fixed")`:                                    "",
		`log.Info("fixed", zap.String("route", r))`:                      "a key is a constant",
		`log.Info("fixed", zap.String(route, r))`:                        "a key is a constant",
		`log.Info("fixed", zap.Any(logkey.Route, r))`:                    "zap.Any",
		`a.log.Info("user " + name)`:                                     "fixed sentence",
		`s.logFor(ctx).Warn(fmt.Sprintf("user %s", name))`:               "fixed sentence",
		`activity.GetLogger(ctx).Warn("fixed", "region", r)`:             "a key is a constant",
		`s.log.Warn("fixed")`:                                            "logFor(ctx)",
	} {
		file := "package service\n\nfunc f() { " + code + " }\n"
		wrong, _, err := checkLog(fstest.MapFS{"internal/service/x.go": {Data: []byte(file)}})
		require.NoError(t, err)
		if finds == "" {
			require.Empty(t, wrong, code)
			continue
		}
		require.Len(t, wrong, 1, code)
		require.Contains(t, wrong[0], finds)
	}
}
