// Package build says which build of the product runs, so that processes of
// different builds can be told apart.
package build

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"os"
	"runtime/debug"
	"sync"
)

// Set by whoever builds without a version control at hand:
// -ldflags "-X consentry/internal/build.version=v1.2.0 -X consentry/internal/build.revision=…"
var version, revision string

const unknown = "unknown"

// exe begins a revision that names an executable and no commit
// (domain.Process compares them accordingly).
const exe = "exe-"

// Name tells the version and the revision: the commit, if the build was told it;
// else what the linker signed this executable with, which differs from one
// program to the next.
var Name = sync.OnceValues(func() (string, string) {
	v, r := version, revision
	info, ok := debug.ReadBuildInfo()
	if ok && v == "" {
		v = info.Main.Version
	}
	if ok && r == "" {
		r = commit(info.Settings)
	}
	if r == "" {
		r = executable()
	}
	if v == "" {
		v = unknown
	}
	return v, r
})

// commit is the commit's, marked when the files had changed since.
func commit(settings []debug.BuildSetting) string {
	var id, changed string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			id = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changed"
		}
	}
	if id == "" {
		return ""
	}
	return id + changed
}

// executable reads the note that Go's linker leaves. It names the inputs of the
// build, so equal notes are equal programs.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return unknown
	}
	f, err := elf.Open(path)
	if err != nil {
		return unknown // another kind of system
	}
	defer func() { _ = f.Close() }()
	note := f.Section(".note.go.buildid")
	if note == nil {
		return unknown
	}
	id, err := note.Data()
	if err != nil {
		return unknown
	}
	sum := sha256.Sum256(id)
	return exe + hex.EncodeToString(sum[:6])
}
