// Package entra is the only place that speaks to Microsoft: tokens by MSAL, the directory and the keys of an app
// registration by the Graph SDK, and the interactive legs by OIDC.
//
// Vocabulary. A cell is one of the vendor's own multi-tenant app registrations; it authenticates with a
// certificate. A legacy app is a customer's own registration; it authenticates with a client secret. Both read
// the directory of the customer's tenant through the same code and differ only in whose token is used (Access).
//
// Three rules run through the package.
//
// Errors are read before any library sees them. A round tripper turns every answer that is not a success into an
// *Error: the libraries above it would drop the status of an HTML page, panic on an empty JSON object, or keep
// whole bodies in their messages.
//
// A token is sent to one origin only. Continuation links come from answers; scheme and host are compared before
// one is followed, and redirects are never followed.
//
// Credentials are asked for at each assertion, by a port that the composition root fills. A rotated certificate
// or a replaced secret is therefore used without a restart, and a destroyed one stops working at once.
package entra
