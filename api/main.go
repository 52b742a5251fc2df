// Command consentry-api serves the API and the console.
package main

import (
	"context"
	"os"

	"consentry/internal/app"
)

func main() {
	os.Exit(app.Main(context.Background(), app.APIProgram(), os.Args[1:], os.Stdout, os.Stderr))
}
