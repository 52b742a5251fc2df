package domain

import "strings"

// TokenPrefix begins every bearer token, so that people and scanners of source
// code recognise one that lies where it should not.
const TokenPrefix = "consentry_"

// Token lets a machine call the API with one role: in an account, or the
// operator's (AccountID ""). Digest is the SHA-256 of the value, of which there
// is no copy here.
type Token struct {
	ID         string
	Digest     string
	Name       string
	AccountID  string
	Role       Role
	CreatedBy  string // person, token or part that issued it
	CreatedAt  Instant
	ExpiresAt  Instant
	LastUsedAt Instant // to the hour: enough to find what nobody uses
	RevokedAt  Instant
	RevokedBy  string
}

// Works reports whether the token opens anything at the instant. Without an end it
// never does.
func (t Token) Works(now Instant) bool {
	return t.RevokedAt.IsZero() && t.ExpiresAt.After(now.Time)
}

// NewBearer makes the value of a token: 256 random bits behind the prefix.
func NewBearer() string { return TokenPrefix + NewToken() }

// IsBearer reports whether a value could be one that NewBearer made.
func IsBearer(v string) bool {
	return strings.HasPrefix(v, TokenPrefix) && len(v) == len(TokenPrefix)+tokenLength
}

// Invitation is a role that waits for somebody whose identity is not known yet.
// Digest is the SHA-256 of the link's value; whoever redeems it first, signed
// in, gets the role, and the link is spent.
type Invitation struct {
	ID         string
	Digest     string
	Name       string // what the person is called here
	AccountID  string // "": an operator of the vendor
	Role       Role
	InvitedBy  string
	CreatedAt  Instant
	ExpiresAt  Instant
	RedeemedAt Instant
	RedeemedBy string
	RevokedAt  Instant
}

// Open reports whether the link still opens something at the instant.
func (i Invitation) Open(now Instant) bool {
	return i.RedeemedAt.IsZero() && i.RevokedAt.IsZero() && i.ExpiresAt.After(now.Time)
}
