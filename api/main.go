// Command consentry-api serves the API and the console.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"consentry/internal/app"
)

// lastRequests is how long requests that are under way may take at the end.
const lastRequests = 15 * time.Second

func main() {
	err := app.Main(context.Background(), "consentry-api", "Serves Consentry's API and console.", os.Stdout, func(ctx context.Context, a *app.App) (string, func() error, error) {
		served, err := a.StartAPI(ctx)
		if err != nil {
			return "", nil, err
		}
		return "consentry-api is ready: " + a.Config.PublicURL, func() error {
			end, cancel := context.WithTimeout(context.Background(), lastRequests)
			defer cancel()
			return served.Close(end)
		}, nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "consentry-api:", err)
		os.Exit(1)
	}
}
