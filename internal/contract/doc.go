// Package contract is what workflows, activities and their callers agree on and
// what recorded histories keep for months: workflow types, ids with builder and
// parser side by side, messages, search attributes and error types. It holds no
// logic. Messages are additive only and carry ids and counters, never directory
// data, names or secrets.
package contract
