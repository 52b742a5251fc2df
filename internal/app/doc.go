// Package app is the composition root: it reads the configuration, opens the
// adapters and hands them to the rooms that declared the ports. The mains and
// the end-to-end tests start the same parts through it: Worker, API, or both in
// one process. It is the only room, beside the mains and tests, that asks the
// machine for the time.
package app
