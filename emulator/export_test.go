package emulator

// RefusalTable is how every refusal of the sign-in service is told: HTTP status and OAuth error by AADSTS number.
func RefusalTable() map[int]Refusal {
	table := map[int]Refusal{}
	for code, kind := range authErrors {
		table[code] = Refusal{Status: kind.status, Error: kind.name}
	}
	return table
}
