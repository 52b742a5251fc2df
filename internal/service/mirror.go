package service

// Mirror is what we hold of a customer's directory, and the staging a run reads
// into, on the transaction it was taken from.
type Mirror interface {
}
