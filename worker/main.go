// Command consentry-worker polls Temporal and runs the workflows and activities
// of every task queue. Any number of them may run; each can be killed at any
// moment and another goes on where it was.
package main

import (
	"context"
	"fmt"
	"os"

	"consentry/internal/app"
)

func main() {
	err := app.Main(context.Background(), "consentry-worker", "Runs Consentry's workflows and activities.", os.Stdout, func(ctx context.Context, a *app.App) (string, func() error, error) {
		w, err := a.StartWorker(ctx)
		if err != nil {
			return "", nil, err
		}
		return "consentry-worker is ready: it polls the queues migrations, graph and keys", func() error { w.Stop(); return nil }, nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "consentry-worker:", err)
		os.Exit(1)
	}
}
