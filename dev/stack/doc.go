// Package stack runs the whole system on one machine: the real Temporal server
// as a process of its own, the emulator of Microsoft, the worker, the API and
// the console. Everything that must survive a restart lies in one folder.
// make dev, make demo and the end-to-end tests start the same stack.
package stack
