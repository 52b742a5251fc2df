// Package shutdown holds how the built programs end: what runs is finished, what
// cannot be is handed on, the exit code says so, and no process is left behind.
package shutdown
