package emulator

import (
	"fmt"
	"time"
)

// clockMoved is how far the emulator's clock is from the one it was given. It is an event like any other, so that a
// world that was aged stays aged: consents, keys, codes, tokens and delta positions are all judged by this clock.
type clockMoved struct {
	Offset time.Duration `json:"offset"`
}

func (w *world) moveClock(_ event, m clockMoved) error {
	w.offset.Store(int64(m.Offset))
	return nil
}

// now is the emulator's time.
func (s *Server) now() time.Time {
	return s.config.Now().Add(time.Duration(s.world.offset.Load())).UTC()
}

// Now is the emulator's time, for callers that compare it with their own.
func (s *Server) Now() time.Time { return s.now() }

// Advance moves the emulator's clock on, and everything that waits for it: delays pass, tokens and delta positions age.
func (s *Server) Advance(by time.Duration) error {
	if by < 0 {
		return fmt.Errorf("the clock advances by a positive time, not %s; SetClock sets it back", by)
	}
	return s.commit(eventClock, clockMoved{Offset: time.Duration(s.world.offset.Load()) + by})
}

// SetClock makes it the given moment; from there the clock runs on.
func (s *Server) SetClock(to time.Time) error {
	return s.commit(eventClock, clockMoved{Offset: to.Sub(s.config.Now())})
}

// clockView is the clock as the control API shows it.
type clockView struct {
	Now    time.Time `json:"now"`
	Offset string    `json:"offset"` // from the clock of the machine
}

// clockChange is what the control API asks for: one of the two.
type clockChange struct {
	Set     time.Time `json:"set"`
	Advance Duration  `json:"advance"`
}

func (s *Server) clock() clockView {
	return clockView{Now: s.now(), Offset: time.Duration(s.world.offset.Load()).String()}
}

func (s *Server) changeClock(c clockChange) (any, error) {
	var err error
	switch {
	case c.Set.IsZero() == (c.Advance == 0):
		return nil, fmt.Errorf("name one of set and advance")
	case c.Advance != 0:
		err = s.Advance(time.Duration(c.Advance))
	default:
		err = s.SetClock(c.Set)
	}
	return s.clock(), err
}

// Duration is a time span written as people do: "5s", "36h".
type Duration time.Duration

// MarshalText writes "1h30m0s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d Duration) String() string { return time.Duration(d).String() }

// UnmarshalText reads what MarshalText writes, and any other text of Go's time.ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a time span such as 90s or 36h", text)
	}
	*d = Duration(parsed)
	return nil
}
