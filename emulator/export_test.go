package emulator

import "consentry/emulator/directory"

// Operations are those of mutations.
func Operations() []string { return directory.Operations }

// RefusalTable is how every refusal of the sign-in service is told: HTTP status and OAuth error by AADSTS number.
func RefusalTable() map[int]Refusal {
	table := map[int]Refusal{}
	for code, kind := range authErrors {
		told := Refusal{Status: kind.status, Error: kind.name}
		if other := atToken[code]; other != "" {
			told.Error += ", at the token endpoint " + other
		}
		table[code] = told
	}
	return table
}
