// Package domain holds the words of Consentry and the rules that belong to a
// single word: accounts and the people who act for them, integrations and what
// they are bound to, connectors, cells and credentials, campaigns, migrations
// and the decisions people take on them.
//
// The types double as the rows of the store: a field is a column of the same
// name in snake case, an Instant is a number of microseconds since 1970 in UTC,
// and a struct, map or slice is a JSON text. Nothing here knows a database, a
// network or a workflow engine; only the standard library is imported.
package domain
