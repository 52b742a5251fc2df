// Package store keeps every row of the product in one SQL database behind the
// contract that internal/service declares. Columns are portable: UTC
// microseconds for time, text for ids, JSON texts for lists and small structs.
//
// SQLite allows one writer. A write transaction therefore begins IMMEDIATE and
// waits for its turn, in this process on a mutex and between processes on the
// database's own lock; a reader sees the last committed state and never waits.
package store
