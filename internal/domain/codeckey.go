package domain

// CodecKey is a key that payloads are encrypted with before they leave for the
// workflow engine. Exactly one is active; a retired one still opens what it
// encrypted and is kept for as long as there is a history that may be read.
type CodecKey struct {
	ID        string
	State     CodecKeyState
	Sealed    []byte // 32 bytes, sealed by the keeper
	CreatedAt Instant
	RetiredAt Instant
}

// CodecKeyState says what a key is used for.
type CodecKeyState string

// The states of a codec key.
const (
	CodecKeyActive  CodecKeyState = "active"  // encrypts and opens
	CodecKeyRetired CodecKeyState = "retired" // opens
)
