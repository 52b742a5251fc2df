package app

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/dirsync"
	"consentry/internal/entra"
)

// What is asked of Microsoft and what is decoded are declared in two rooms that
// do not know each other; here they meet.
func TestWhatIsSelectedIsWhatIsDecoded(t *testing.T) {
	sorted := func(names []string) []string { return slices.Sorted(slices.Values(names)) }
	require.Equal(t, sorted(dirsync.UserSelect), sorted(entra.UserProperties))
	require.Equal(t, sorted(dirsync.GroupSelect), sorted(entra.GroupProperties))
}

// The rooms that decide what an error of Microsoft means read it by these
// methods; without them every error would look alike.
func TestErrorsOfMicrosoftTellTheirKind(t *testing.T) {
	var fault interface {
		error
		FaultKind() string
		FaultCode() string
		Wait() time.Duration
	}
	err := fmt.Errorf("read: %w", &entra.Error{Kind: entra.SecretExpired, Code: "AADSTS7000222", RetryAfter: time.Second})
	require.ErrorAs(t, err, &fault)
	require.Equal(t, "secret_expired", fault.FaultKind())
	require.Equal(t, "AADSTS7000222", fault.FaultCode())
	require.Equal(t, time.Second, fault.Wait())
}
