// Package attack tries to make a consent count for somebody it does not belong to: the customer's directory opens
// with it. It holds no code, only tests.
//
// The house is real (server, service, store, sealing, and internal/entra with its libraries), and so are the
// browsers; Microsoft is a token service on the loopback interface that signs whatever an attack needs. The attacks
// that an honest Microsoft has to help with run against the emulator.
//
// Every attack shows three things: no row of any table changed except those the design allows, which are the outcome
// of the attacker's own session; the audit has an entry that names the refusal; and the honest administrator whose
// session was aimed at can still finish. docs/security.md lists the attacks beside the rules they test.
package attack
