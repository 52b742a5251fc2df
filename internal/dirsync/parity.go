package dirsync

import "consentry/internal/domain"

// ExamplesPerChange bounds how many examples of each change a comparison shows.
const ExamplesPerChange = 20

// Parity is how a reading of the whole directory differs from the mirror.
type Parity struct {
	Mirror   domain.Counts
	Reading  domain.Counts
	Added    domain.Counts
	Changed  domain.Counts
	Removed  domain.Counts
	Examples []domain.Difference
}

// The words for a difference's change.
const (
	ChangeAdded   = "added"
	ChangeChanged = "changed"
	ChangeRemoved = "removed"
)
