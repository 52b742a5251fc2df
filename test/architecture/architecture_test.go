package architecture_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"consentry/test/architecture"
)

func TestTheHouseKeepsItsTable(t *testing.T) {
	violations, err := architecture.Violations(os.DirFS("../.."))
	require.NoError(t, err)
	require.Empty(t, violations, "docs/architecture.md says why; the table is test/architecture/table.go")
}

// Each case is one file in an otherwise sound house.
func TestViolationsAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		file, text, want string
	}{
		"the words know a rule": {
			"internal/domain/a.go", imports("consentry/internal/campaign"),
			"internal/domain/a.go: imports internal/campaign, which internal/domain may not know",
		},
		"the words use a library": {
			"internal/domain/a.go", imports("github.com/google/uuid"),
			"internal/domain/a.go: imports github.com/google/uuid, but internal/domain is pure",
		},
		"a rule reads a file": {
			"internal/consent/a.go", imports("os"),
			"internal/consent/a.go: imports os, but internal/consent is pure",
		},
		"a rule knows another rule": {
			"internal/migration/a.go", imports("consentry/internal/campaign"),
			"internal/migration/a.go: imports internal/campaign, which internal/migration may not know",
		},
		"the service knows an adapter": {
			"internal/service/a.go", imports("consentry/internal/store"),
			"internal/service/a.go: imports internal/store, which internal/service may not know",
		},
		"an adapter knows another": {
			"internal/entra/a.go", imports("consentry/internal/keys"),
			"internal/entra/a.go: imports internal/keys, which internal/entra may not know",
		},
		"the console knows the API": {
			"console/a.go", imports("consentry/api/server"),
			"console/a.go: imports api/server, which console may not know",
		},
		"a program goes around app": {
			"worker/main.go", imports("consentry/internal/store"),
			"worker/main.go: imports internal/store, which worker may not know",
		},
		"the command line knows more than the API": {
			"starter/main.go", imports("consentry/internal/domain"),
			"starter/main.go: imports internal/domain, which starter may not know",
		},
		"a workflow knows activities outside calls.go": {
			"workflows/migration.go", imports("consentry/activities"),
			"workflows/migration.go: imports activities, which workflows may not know",
		},
		"a workflow knows the service": {
			"workflows/calls.go", imports("consentry/internal/service"),
			"workflows/calls.go: imports internal/service, which workflows may not know",
		},
		"the product knows the emulator": {
			"internal/app/a.go", imports("consentry/emulator"),
			"internal/app/a.go: imports emulator, which internal/app may not know",
		},
		"the emulator knows us": {
			"emulator/directory/a.go", imports("consentry/internal/domain"),
			"emulator/directory/a.go: imports internal/domain, which emulator may not know",
		},
		"the emulator's tests know us": {
			"emulator/a_test.go", imports("consentry/internal/entra"),
			"emulator/a_test.go: imports internal/entra, which emulator may not know",
		},
		"an activity holds a Temporal client": {
			"activities/a.go", imports("go.temporal.io/sdk/client"),
			"activities/a.go: imports go.temporal.io/sdk/client: the engine has one door",
		},
		"the service knows the engine": {
			"internal/service/a.go", imports("go.temporal.io/sdk/temporal"),
			"internal/service/a.go: imports go.temporal.io/sdk/temporal: rules, service, API and console",
		},
		"the API asks Graph itself": {
			"api/server/a.go", imports("github.com/microsoftgraph/msgraph-sdk-go"),
			"api/server/a.go: imports github.com/microsoftgraph/msgraph-sdk-go: what Microsoft's libraries do",
		},
		"the API reads rows itself": {
			"api/server/a.go", imports("database/sql"),
			"api/server/a.go: imports database/sql: rows are read",
		},
		"a file of the product uses a test kit": {
			"internal/app/a.go", imports("consentry/internal/store/storetest"),
			"internal/app/a.go: imports internal/store/storetest, which is for tests",
		},
		"a room without a row": {
			"internal/billing/a.go", imports(),
			"internal/billing: the room is not in the table",
		},
		"a room that says nothing": {
			"internal/store/helpers/a.go", imports(),
			"internal/store/helpers: a room is named after what it holds",
		},
		"a room without a comment": {
			"console/a.go", "package console\n",
			"console: no comment on its package clause",
		},
		"a file too long to read": {
			"console/a.go", imports() + strings.Repeat("\n", 400),
			"console/a.go: 403 lines are more than the 400",
		},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := architecture.Violations(fstest.MapFS{test.file: {Data: []byte(test.text)}})
			require.NoError(t, err)
			require.Len(t, found, 1)
			require.Contains(t, found[0], test.want)
		})
	}
}

func TestASoundHouseIsLeftAlone(t *testing.T) {
	files := fstest.MapFS{}
	for file, text := range map[string]string{
		"internal/domain/a.go":                imports("time", "strings"),
		"internal/domain/a_test.go":           imports("os", "pgregory.net/rapid", "consentry/internal/store/storetest"),
		"internal/contract/a.go":              imports("consentry/internal/domain", "go.temporal.io/sdk/temporal"),
		"internal/service/a.go":               imports("consentry/internal/migration", "consentry/internal/contract"),
		"internal/store/a.go":                 imports("consentry/internal/service", "github.com/uptrace/bun"),
		"internal/store/rows/a.go":            imports("consentry/internal/store"),
		"internal/store/storetest/a.go":       imports("consentry/internal/store", "consentry/internal/mirror", "testing"),
		"internal/engine/a.go":                imports("go.temporal.io/sdk/client"),
		"emulator/a_test.go":                  imports("github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"),
		"activities/a_test.go":                imports("consentry/emulator", "consentry/internal/entra"),
		"workflows/calls.go":                  imports("consentry/activities"),
		"emulator/cmd/entra-emulator/main.go": imports("consentry/emulator"),
		"dev/main.go":                         imports("consentry/emulator", "consentry/internal/app"),
		"dev/temporal/go.mod":                 "module consentry/dev/temporal",
		"dev/temporal/main.go":                "package main",
		"test/chaos/a.go":                     imports("consentry/internal/store/storetest", "go.temporal.io/sdk/client"),
		"test/chaos/testdata/a.go":            "package nothing",
	} {
		files[file] = &fstest.MapFile{Data: []byte(text)}
	}
	found, err := architecture.Violations(files)
	require.NoError(t, err)
	require.Empty(t, found)
}

// imports is a documented file of three lines that imports these packages.
func imports(paths ...string) string {
	text := "// Package a is a fixture.\npackage a\n\n"
	for _, path := range paths {
		text += "import _ \"" + path + "\"\n"
	}
	return text
}
