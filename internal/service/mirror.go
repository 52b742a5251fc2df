package service

import (
	"consentry/internal/dirsync"
	"consentry/internal/domain"
)

// Mirror is what we hold of a customer's directory, and the staging a run reads
// into, on the transaction it was taken from. It holds rows and knows no rules:
// those are dirsync's.
type Mirror interface {
	// Cursor gives where a run stands, or NotFound.
	Cursor(runID string) (dirsync.Cursor, error)
	PutCursor(c dirsync.Cursor) error
	// DropStage forgets a staging with every cursor on it.
	DropStage(stageID string) error

	// Staged gives the rows of these ids that a staging holds.
	Staged(stageID string, s dirsync.Stream, ids []string) (map[string]dirsync.Staged, error)
	// StagedEdges reports of each edge that a staging holds whether it stands.
	StagedEdges(stageID string, edges []dirsync.Edge) (map[dirsync.Edge]bool, error)
	// Stage and StageEdges put rows, each key once, over what was there.
	Stage(stageID string, s dirsync.Stream, objects []dirsync.Staged) error
	StageEdges(stageID string, edges []dirsync.StagedEdge) error

	// Puts lists the staged objects that stand, in the order of their ids, with
	// what the mirror holds of them. A full staging leaves out what is the same.
	Puts(stageID, integrationID string, s dirsync.Stream, full bool, after string, limit int) ([]MirrorPut, error)
	// NewEdges lists the staged memberships that stand and are not held.
	NewEdges(stageID, integrationID string, after dirsync.Edge, limit int) ([]dirsync.StagedEdge, error)
	// Missing lists, in the order of their ids, the held objects that the staging
	// removes: those it says are gone and, if it is full, those it does not have.
	Missing(stageID, integrationID string, s dirsync.Stream, full bool, after string, limit int) ([]MirrorMissing, error)
	CountMissing(stageID, integrationID string, s dirsync.Stream, full bool) (int64, error)
	MissingEdges(stageID, integrationID string, full bool, after dirsync.Edge, limit int) ([]dirsync.Edge, error)
	CountMissingEdges(stageID, integrationID string, full bool) (int64, error)
	// Compare sets a full staging beside the mirror.
	Compare(stageID, integrationID string) (dirsync.Parity, error)

	// Put and Remove change what is held. RemoveEdgesOf takes the memberships of
	// objects that are gone and reports how many there were.
	Put(integrationID string, s dirsync.Stream, objects []dirsync.Object) error
	PutEdges(integrationID string, edges []dirsync.StagedEdge) error
	Remove(integrationID string, s dirsync.Stream, ids []string) error
	RemoveEdgesOf(integrationID string, s dirsync.Stream, ids []string) (int64, error)
	RemoveEdges(integrationID string, edges []dirsync.Edge) error
	Counts(integrationID string) (domain.Counts, error)
	// Objects and Edges page through what is held, in the order of their keys.
	Objects(integrationID string, s dirsync.Stream, after string, limit int) ([]dirsync.Object, error)
	Edges(integrationID string, after dirsync.Edge, limit int) ([]dirsync.StagedEdge, error)

	// KeepBefore remembers how rows were before a migration first touched them;
	// the first image of a row stands. A nil Held means that it did not exist.
	KeepBefore(migrationID, integrationID string, s dirsync.Stream, before []MirrorPut) error
	KeepEdgesBefore(migrationID, integrationID string, added []dirsync.StagedEdge) error
	// RestoreBefore puts every remembered row back and forgets the images.
	RestoreBefore(migrationID string) error
	// DropBefore forgets the images of an integration.
	DropBefore(integrationID string) error

	// Erase forgets what is held of an integration, at most limit rows at a time,
	// and counts by kind what it took; nothing left is no count.
	Erase(integrationID string, limit int) (map[string]int64, error)
	// EraseStages forgets the stagings of runs, at most limit rows at a time.
	EraseStages(runIDs []string, limit int) (int64, error)

	// Link gives where an app's next round of a stream begins, "" if unknown.
	Link(integrationID string, s dirsync.Stream, clientID string) (string, error)
	PutLink(integrationID string, s dirsync.Stream, clientID, link string) error
	DropLinks(integrationID, clientID string) error
}

// MirrorPut is a staged object beside what is held of it, nil for nothing.
type MirrorPut struct {
	Staged dirsync.Staged
	Held   *dirsync.Object
}

// MirrorMissing is a held object that a staging removes.
type MirrorMissing struct {
	ID       string
	Excluded bool // by the settings: its memberships stay
}
