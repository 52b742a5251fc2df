package emulator

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
