package domain_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
)

func TestADescriptionSaysMoreThanTheName(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "Enter a description",
		" \n\t ":                          "Enter a description",
		"contoso  ltd":                    "Description must say more than the name",
		"too short":                       "Description must be 10 characters or more",
		strings.Repeat("é", 121):          "Description must be 120 characters or fewer",
		"Corporate\x00users":              "Description must not contain control characters",
		"Corporate\u202e users, reversed": "", // a format character is text; output escapes it
	} {
		_, err := domain.CleanDescription("Contoso Ltd", text)
		if want == "" {
			require.NoError(t, err, "%q", text)
			continue
		}
		require.EqualError(t, err, want, "%q", text)
		require.Equal(t, domain.Invalid, domain.KindOf(err))
	}
	clean, err := domain.CleanDescription("Contoso Ltd", "  Corporate users\r\n and   groups ")
	require.NoError(t, err)
	require.Equal(t, "Corporate users and groups", clean)
	_, err = domain.CleanDescription("Contoso Ltd", strings.Repeat("é", 120))
	require.NoError(t, err, "bounds count characters, not bytes")
}

func TestRolesIncludeTheOnesBeforeThem(t *testing.T) {
	require.True(t, domain.RoleApprove.Includes(domain.RoleView))
	require.False(t, domain.RoleView.Includes(domain.RoleMigrate))
	require.False(t, domain.RoleOperator.Includes(domain.RoleApprove), "operators do not take a customer's decisions")
	require.False(t, domain.Role("root").Includes(domain.RoleView))
}

func TestACallerSeesOnlyItsAccounts(t *testing.T) {
	ana := domain.Caller{Kind: domain.CallerPerson, Grants: []domain.Grant{{AccountID: "a", Role: domain.RoleMigrate}}}
	require.True(t, ana.Sees("a"))
	require.False(t, ana.Sees("b"))
	require.False(t, ana.Sees(""))
	require.False(t, ana.Has(domain.RoleApprove, "a"))
	olga := domain.Caller{Kind: domain.CallerPerson, Grants: []domain.Grant{{Role: domain.RoleOperator}}}
	require.True(t, olga.Sees("b"))
	require.False(t, olga.Has(domain.RoleApprove, "b"))
	require.False(t, domain.Anonymous().Sees("a"))
}

func TestAnInstantKeepsMicrosecondsInUTC(t *testing.T) {
	at := domain.At(time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("x", 3600)))
	v, err := at.Value()
	require.NoError(t, err)
	var back domain.Instant
	require.NoError(t, back.Scan(v))
	require.Equal(t, at, back)
	require.Equal(t, 123456000, back.Nanosecond())
	b, err := json.Marshal(at)
	require.NoError(t, err)
	require.JSONEq(t, `"2026-03-01T11:00:00.123456Z"`, string(b))
	var zero domain.Instant
	require.NoError(t, json.Unmarshal([]byte("null"), &zero))
	require.True(t, zero.IsZero())
	require.False(t, zero.Due(time.Now()), "never is never due")
}

func TestADurationIsWrittenAsText(t *testing.T) {
	var d domain.Duration
	require.NoError(t, json.Unmarshal([]byte(`"36h"`), &d))
	require.Equal(t, 36*time.Hour, d.Std())
	require.Error(t, json.Unmarshal([]byte(`36`), &d))
}

func TestATokenAndALinkWorkUntilTheyEndOrAreTaken(t *testing.T) {
	now := domain.At(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	later := domain.At(now.Add(time.Hour))
	for works, tokens := range map[bool][]domain.Token{
		true: {{ExpiresAt: later}}, false: {{ExpiresAt: now}, {}, {ExpiresAt: later, RevokedAt: now}},
	} {
		for _, token := range tokens {
			require.Equal(t, works, token.Works(now), token)
		}
	}
	for open, links := range map[bool][]domain.Invitation{
		true: {{ExpiresAt: later}}, false: {{ExpiresAt: now}, {ExpiresAt: later, RevokedAt: now}, {ExpiresAt: later, RedeemedAt: now}},
	} {
		for _, link := range links {
			require.Equal(t, open, link.Open(now), link)
		}
	}
}

// TestWhatMakesNoSenseIsSaidAtOnce: what may not be, or is not there, before it,
// and a rule after it.
func TestWhatMakesNoSenseIsSaidAtOnce(t *testing.T) {
	name, id := domain.InvalidField("name", "Enter a value"), domain.InvalidField("id", "Enter a GUID")
	rule, no := domain.Refuse(domain.Conflict, "taken", "It is taken."), domain.Refuse(domain.Forbidden, "role-needed", "You may not.")
	require.NoError(t, domain.Mistakes())
	require.NoError(t, domain.Mistakes(nil, nil))
	require.Equal(t, name, domain.Mistakes(nil, name))
	require.Equal(t, rule, domain.Mistakes(rule, nil))
	require.Equal(t, no, domain.Mistakes(name, rule, no))
	broken := errors.New("the disk")
	require.Equal(t, broken, domain.Mistakes(name, broken))
	for _, all := range []error{domain.Mistakes(name, rule, id), domain.Mistakes(domain.Mistakes(name, id), nil)} {
		var e *domain.Error
		require.ErrorAs(t, all, &e)
		require.Equal(t, []domain.Breach{{"name", "Enter a value"}, {"id", "Enter a GUID"}}, e.Breaches)
		require.Equal(t, []string{"invalid", "name", "Enter a value"}, []string{e.Code, e.Field, e.Message})
	}
	many := make([]error, 1000)
	for n := range many {
		many[n] = name
	}
	var e *domain.Error
	require.ErrorAs(t, domain.Mistakes(many...), &e)
	require.Len(t, e.Breaches, 100)
}
