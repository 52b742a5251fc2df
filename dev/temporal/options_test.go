package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/dynamicconfig"
)

func TestSearchAttributesOfTheFlagsComeBesideOurs(t *testing.T) {
	o := options{SearchAttribute: map[string]string{"Rounds": "Int", "AccountId": "Keyword"}}
	attributes, err := o.searchAttributes()
	require.NoError(t, err)
	require.Len(t, attributes, len(consentrySearchAttributes)+1)
	require.Equal(t, enumspb.INDEXED_VALUE_TYPE_INT, attributes["Rounds"])

	for name, flags := range map[string]map[string]string{
		"an unknown type":               {"Rounds": "Number"},
		"a type that means none":        {"Rounds": "Unspecified"},
		"one of ours with another type": {"AccountId": "Text"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options{IP: "127.0.0.1", SearchAttribute: flags}
			require.ErrorContains(t, o.Validate(), "--search-attribute")
		})
	}
}

func TestDynamicConfigValuesAreJSON(t *testing.T) {
	o := options{DynamicConfigValue: map[string]string{
		"a.whole": "3", "a.part": "0.5", "a.flag": "true", "a.text": `"long"`, "limit.maxIDLength": "100",
	}}
	values, err := o.dynamicConfig()
	require.NoError(t, err)
	for key, want := range map[string]any{"a.whole": 3, "a.part": 0.5, "a.flag": true, "a.text": "long", "limit.maxIDLength": 100} {
		require.Equal(t, want, values[dynamicconfig.MakeKey(key)], key)
	}

	o = options{IP: "127.0.0.1", DynamicConfigValue: map[string]string{"a.text": "long"}}
	require.ErrorContains(t, o.Validate(), "--dynamic-config-value a.text=long")
}

func TestTheUIStandsBesideTheFrontend(t *testing.T) {
	require.Equal(t, 8233, (&options{Port: 7233}).uiPort())
	require.Equal(t, 9000, (&options{Port: 7233, UIPort: 9000}).uiPort())
	require.Zero(t, (&options{Port: 7233, Headless: true}).uiPort())
}
