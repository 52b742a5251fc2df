package rotation

import (
	"slices"
	"time"
)

// Result is the outcome of a step's effect.
type Result struct {
	// Minted is the new credential, for Mint: id and validity.
	Minted Credential
	// KeyID is Microsoft's answer to Publish.
	KeyID string
	// Refused, for Prove: the token server does not accept the key, at least not yet.
	Refused bool
}

// Begin is what to record before the effect of a step, so that a crash in the middle is seen afterwards. For
// Mint there is nothing: the minted credential is recorded, with its sealed key, before anybody can use it.
func Begin(now time.Time, credentials []Credential, s Step) []Credential {
	return edit(credentials, s.CredentialID, func(c *Credential) {
		switch s.Action {
		case Publish:
			c.PublishingAt = now
		case Prove:
			c.TriedAt = now
		case Retire:
			c.RemovingAt = now
		case Nothing, Mint, Activate:
		}
	})
}

// Done is what to record after the effect of a step. The input is left as it is.
func Done(now time.Time, credentials []Credential, s Step, r Result, policy Policy) []Credential {
	switch s.Action {
	case Nothing:
		return slices.Clone(credentials)
	case Mint:
		return append(slices.Clone(credentials), Credential{
			ID: r.Minted.ID, State: Prepared, NotBefore: r.Minted.NotBefore, NotAfter: r.Minted.NotAfter,
		})
	case Activate:
		after := edit(credentials, s.CredentialID, func(c *Credential) {
			c.State, c.ActivatedAt = Active, now
			if c.VerifiedAt.IsZero() {
				c.VerifiedAt = now
			}
		})
		for i := range after {
			if after[i].State == Active && after[i].ID != s.CredentialID {
				after[i].State, after[i].RetiringAt = Retiring, now
			}
		}
		return after
	case Publish, Prove, Retire:
	}
	return edit(credentials, s.CredentialID, func(c *Credential) {
		switch s.Action {
		case Publish:
			c.State, c.KeyID, c.PublishedAt = Published, r.KeyID, now
		case Prove:
			c.recordProof(now, r, policy)
		case Retire:
			c.State, c.RetiredAt = Retired, now
		case Nothing, Mint, Activate:
		}
	})
}

func (c *Credential) recordProof(now time.Time, r Result, policy Policy) {
	c.TriedAt = now
	if r.Refused {
		c.Proofs = 0
		return
	}
	c.Proofs++
	if c.PublishedAt.IsZero() {
		// A person added it, or the answer to addKey was lost: the token shows that it is there.
		c.State, c.PublishedAt = Published, now
	}
	if c.Proofs >= policy.Proofs {
		c.State, c.VerifiedAt = Verified, now
	}
}

// Taint records that a credential is not to be trusted any more. What follows is for Next to say.
func Taint(credentials []Credential, id string) []Credential {
	return edit(credentials, id, func(c *Credential) {
		if c.State != Retired {
			c.State = Tainted
		}
	})
}

func edit(credentials []Credential, id string, change func(*Credential)) []Credential {
	after := slices.Clone(credentials)
	for i := range after {
		if after[i].ID == id {
			change(&after[i])
		}
	}
	return after
}
