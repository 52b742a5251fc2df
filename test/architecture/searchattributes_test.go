package architecture_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The development server is a module of its own and cannot import the contract, so it names the search attributes
// again. Their types differ only in spelling.
func TestTheDevelopmentServerRegistersTheContractsSearchAttributes(t *testing.T) {
	spelling := map[string]string{
		"Bool": "BOOL", "Float64": "DOUBLE", "Int64": "INT", "Keyword": "KEYWORD",
		"KeywordList": "KEYWORD_LIST", "String": "TEXT", "Time": "DATETIME",
	}
	declared := map[string]string{}
	for _, match := range matches(t, "../../internal/contract/attributes.go", `NewSearchAttributeKey(\w+)\("(\w+)"\)`) {
		declared[match[2]] = spelling[match[1]]
	}
	registered := map[string]string{}
	for _, match := range matches(t, "../../dev/temporal/options.go", `"(\w+)":\s+enumspb\.INDEXED_VALUE_TYPE_(\w+),`) {
		registered[match[1]] = match[2]
	}
	require.NotEmpty(t, declared)
	require.Equal(t, declared, registered)
}

func matches(t *testing.T, file, pattern string) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1)
}
