package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const mib = 1 << 20

// distroless is what the images' base is said to weigh by those who make it
// (README of GoogleContainerTools/distroless: "around 2 MiB"); no registry is
// asked here.
const distroless = 2

// sizes builds the programs without symbols, as the Dockerfile does, and weighs
// them. The Dockerfile's -trimpath is left out: it would compile everything anew.
func sizes(ctx context.Context, report func(figure)) error {
	dir, err := os.MkdirTemp("", "consentry-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder left behind harms nothing
	for _, p := range []struct {
		name, folder string
		target       float64
	}{{"worker", "./worker", 64}, {"api", "./api", 64}, {"consentry", "./starter", 16}} {
		program := filepath.Join(dir, p.name)
		cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", program, p.folder)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", p.folder, err, out)
		}
		info, err := os.Stat(program)
		if err != nil {
			return err
		}
		size := float64(info.Size()) / mib
		report(figure{Name: "job.size." + p.name, Value: size, Unit: "MiB", Target: p.target, Op: "<=", Note: "the program without symbols"})
		report(figure{Name: "job.size.image_" + p.name, Value: size + distroless, Unit: "MiB", Target: p.target + distroless, Op: "<=", Note: "computed: program and base image; no engine ran"})
	}
	return nil
}
