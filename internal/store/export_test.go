package store

import "time"

// Hurry has writers wait no longer than turn, for the tests of who waits in vain.
func (s *Store) Hurry(turn time.Duration) {
	s.turn = turn
	if e, ok := s.engine.(*sqliteEngine); ok {
		e.turn = turn
	}
}
