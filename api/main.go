// Command consentry-api serves the API and the console. `consentry-api bootstrap`
// lets the first operator in.
package main

import (
	"context"
	"os"

	"consentry/internal/app"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bootstrap" {
		os.Exit(app.Bootstrap(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(app.Main(context.Background(), app.APIProgram(), os.Args[1:], os.Stdout, os.Stderr))
}
