// Package store keeps every row of the product in one SQL database, SQLite or
// PostgreSQL, behind the contract that internal/service declares. Columns are
// portable: UTC microseconds for time, text for ids, JSON texts for lists and
// small structs. One migration text serves both engines (see Portable).
//
// Both engines have one writer at a time: what a command reads stays true until
// it commits, the change log has no gap that may still be filled, and hash
// chains cannot fork. SQLite has this from BEGIN IMMEDIATE, PostgreSQL from an
// advisory lock that the transaction holds to its end. Readers see one
// committed state and never wait for a writer.
package store
