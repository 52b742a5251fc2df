package domain

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// Instant is a point in time as the store keeps it: UTC, to the microsecond.
// The zero Instant means "never" or "not yet" and is stored as 0, so that both
// database engines compare and sort it alike.
type Instant struct{ time.Time }

// At turns a time into an Instant, dropping what the store could not keep.
func At(t time.Time) Instant {
	if t.IsZero() {
		return Instant{}
	}
	return Instant{t.UTC().Truncate(time.Microsecond)}
}

// Value implements driver.Valuer.
func (i Instant) Value() (driver.Value, error) {
	if i.IsZero() {
		return int64(0), nil
	}
	return i.UnixMicro(), nil
}

// Scan implements sql.Scanner.
func (i *Instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i = Instant{}
	case int64:
		if v == 0 {
			*i = Instant{}
			return nil
		}
		*i = Instant{time.UnixMicro(v).UTC()}
	default:
		return fmt.Errorf("an instant is stored as microseconds, not as %T", src)
	}
	return nil
}

// MarshalJSON writes RFC 3339 in UTC, or null for the zero Instant.
func (i Instant) MarshalJSON() ([]byte, error) {
	if i.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(i.UTC().Format(time.RFC3339Nano))
}

// UnmarshalJSON reads RFC 3339 or null.
func (i *Instant) UnmarshalJSON(b []byte) error {
	if string(b) == "null" || string(b) == `""` {
		*i = Instant{}
		return nil
	}
	var t time.Time
	if err := json.Unmarshal(b, &t); err != nil {
		return err
	}
	*i = At(t)
	return nil
}

// Due reports whether the instant is set and not later than now.
func (i Instant) Due(now time.Time) bool { return !i.IsZero() && !i.After(now) }

// Duration is a length of time that people write in files and answers as
// "72h0m0s" and the store keeps inside JSON texts.
type Duration time.Duration

// Std is the duration in the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// MarshalJSON writes the Go notation.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads the Go notation, for example "36h" or "90s".
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("a duration is written as text, for example \"72h\": %w", err)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}
