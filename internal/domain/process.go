package domain

import "strings"

// Process is a running program of ours, as it last told of itself. Its id is
// made anew at each start and names neither machine nor user.
type Process struct {
	ID            string
	Program       string   // consentry-worker, consentry-api
	Kinds         []string // what it does: worker, api
	Version       string
	Revision      string   // commit, or "exe-…": the executable
	SchemaVersion int64    // newest schema of the database that it knows
	Incompatible  []string // workflow types that it cannot replay
	StartedAt     Instant
	SeenAt        Instant
}

// The kinds of process.
const (
	KindWorker = "worker"
	KindAPI    = "api"
)

// executableRevision begins a revision that names an executable and no commit;
// such revisions of different programs cannot be compared.
const executableRevision = "exe-"

// SameBuild reports whether two processes run one build, as far as it can be
// told.
func (p Process) SameBuild(q Process) bool {
	if p.Program != q.Program && (strings.HasPrefix(p.Revision, executableRevision) || strings.HasPrefix(q.Revision, executableRevision)) {
		return p.Version == q.Version && p.SchemaVersion == q.SchemaVersion
	}
	return p.Version == q.Version && p.Revision == q.Revision && p.SchemaVersion == q.SchemaVersion
}

// Build names the build for a reader.
func (p Process) Build() string {
	revision, changed := strings.CutSuffix(p.Revision, "+changed")
	if len(revision) > 16 {
		revision = revision[:12]
	}
	if changed {
		revision += "+changed"
	}
	return p.Version + " " + revision
}
