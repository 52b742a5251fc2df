package domain

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
)

var idAlphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes an opaque id such as "mig_4t0k2m…": a prefix for the reader and 80
// random bits, so that ids tell nothing and are never guessed.
func NewID(prefix string) string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return prefix + "_" + idAlphabet.EncodeToString(b[:])
}

// tokenLength is how long every value of NewToken is: 256 bits, five a letter.
const tokenLength = 52

// NewToken makes a bearer value of 256 random bits for states, cookies and
// codes. Only its digest is ever stored.
func NewToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return strings.ToLower(idAlphabet.EncodeToString(b[:]))
}
