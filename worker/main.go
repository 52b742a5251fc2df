// Command consentry-worker polls Temporal and runs the workflows and activities
// of every task queue. Any number of them may run; each can be killed at any
// moment and another goes on where it was.
package main

import (
	"context"
	"os"

	"consentry/internal/app"
)

func main() {
	os.Exit(app.Main(context.Background(), app.WorkerProgram(), os.Args[1:], os.Stdout, os.Stderr))
}
