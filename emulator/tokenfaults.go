package emulator

import (
	"slices"
	"time"
)

// Faults that shape what the sign-in service says, instead of answering in its place.

func (f *Fault) shapesTokens() bool { return f.AADSTS != 0 || f.WithoutRoles || f.ClockSkew != 0 }

// shaping finds a fault that matches the request and a condition, and counts it as used.
func (b *faultBook) shaping(c *call, is func(*Fault) bool) *Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.faults, func(f Fault) bool { return is(&f) && f.hits(c) })
	if at < 0 {
		return nil
	}
	if b.faults[at].Remaining > 0 {
		b.faults[at].Remaining--
	}
	found := b.faults[at]
	if found.Remaining == 0 {
		b.faults = slices.Delete(b.faults, at, at+1)
	}
	c.entry.Code = "fault " + found.ID
	return &found
}

// shapes tells whether there is such a fault.
func (b *faultBook) shapes(c *call, is func(*Fault) bool) bool { return b.shaping(c, is) != nil }

// refusal is the one that is ordered for the request, by its AADSTS number.
func (b *faultBook) refusal(c *call) *authError {
	f := b.shaping(c, func(f *Fault) bool { return f.AADSTS != 0 })
	if f == nil {
		return nil
	}
	kind, known := authErrors[f.AADSTS]
	if !known {
		return &authError{code: f.AADSTS, status: 400, name: "invalid_request", text: "Emulated refusal."}
	}
	e := &authError{code: f.AADSTS, status: kind.status, name: kind.name, text: plainText(kind.format, c), after: f.RetryAfter}
	if f.Status != 0 {
		e.status = f.Status
	}
	return e
}

// skew is how far the clock of the machine that answers is off.
func (b *faultBook) skew(c *call) time.Duration {
	if f := b.shaping(c, func(f *Fault) bool { return f.ClockSkew != 0 }); f != nil {
		return time.Duration(f.ClockSkew)
	}
	return 0
}
