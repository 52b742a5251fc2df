package service

import "consentry/internal/domain"

// Observer is told what happened, after it was committed, by names that have few
// values. It must not block.
type Observer interface {
	Command(action, outcome string) // done, refused, error
	ConsentRefused(code string)
	StrangerRefused(action string)
	Delivered(kind, outcome string, again bool) // taken, dropped, failed
	RunEnded(outcome string, applied int64)
}

// nobody observes.
type nobody struct{}

func (nobody) Command(string, string)         {}
func (nobody) ConsentRefused(string)          {}
func (nobody) StrangerRefused(string)         {}
func (nobody) Delivered(string, string, bool) {}
func (nobody) RunEnded(string, int64)         {}

func outcomeOf(err error) string {
	switch kind := domain.KindOf(err); {
	case err == nil:
		return "done"
	case kind == "" || kind == domain.Unavailable:
		return "error"
	}
	return "refused"
}
