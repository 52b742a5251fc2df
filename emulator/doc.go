// Package emulator is Microsoft Entra ID and Microsoft Graph on one machine, near enough to the letter that
// unmodified Microsoft client libraries sign people in, consent, fetch tokens, read directories by delta query and
// roll certificates against it.
//
// Vocabulary. A tenant is one organisation's directory. An application is registered once, in its home tenant; a
// service principal is its presence in a tenant, made by an administrator's consent, and carries that tenant's
// grants: app role assignments for the program itself, delegated scopes for people using it. Tokens are issued by a
// tenant to a service principal; Graph answers by the roles in the token.
//
// State is a generated seed per tenant plus a log of every event since (events.jsonl in the state folder): replaying
// the log gives the same world, with the same object ids, keys, consents and delta positions. Consent and added keys
// become visible to the token endpoint and Graph after a delay, as in the real, replicated service.
//
// The package depends on nothing else of this repository, so that it cannot share its misunderstandings. What is
// emulated, from which source and shown by which test stands in README.md.
package emulator
