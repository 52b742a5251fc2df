package console

import (
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// secretNote says that the client secret of an old app ends, has ended or is
// refused, where that stops something, and leads to where another is entered.
type secretNote struct {
	Words   string
	Tone    string
	Icon    string
	Address string // of the form; "" on its own page
}

// newSecretNote is nil where there is nothing to say, or where a new secret would
// do nothing. On the form's own page it leads nowhere.
func newSecretNote(i domain.Integration, s service.ViewSecret, self bool) *secretNote {
	if s.No != "" {
		return nil
	}
	n := &secretNote{Words: "The old app's client secret " + s.Text + ".", Tone: "warn", Icon: "warn"}
	if !self {
		n.Address = "/directory-sync/" + i.ID + "#legacy-secret"
	}
	legacy := i.Binding == domain.BoundLegacy
	if s.Not != "" {
		return notTheSecret(s, legacy)
	}
	switch s.State {
	case migration.SecretEnding:
		if !legacy {
			return nil
		}
		n.Words += " Synchronization through the old app stops then, unless another secret is entered or the migration is done before."
	case migration.SecretEnded, migration.SecretRefused, migration.SecretNone:
		n.Tone, n.Icon = "bad", "stop"
		if legacy {
			n.Words += " Without another one nothing is read through the old app; nothing is deleted."
		} else {
			n.Words += " Without another one there is no way back."
		}
	case migration.SecretUntried:
		n.Tone, n.Icon = "plain", "clock"
	default:
		return nil
	}
	return n
}

// notTheSecret says that the old app is refused for a reason which another client
// secret would not change, so it leads to no form.
func notTheSecret(s service.ViewSecret, legacy bool) *secretNote {
	n := &secretNote{Words: "Microsoft does not let the old app in: " + s.Not + ". Another client secret would change nothing. ", Tone: "bad", Icon: "stop"}
	if !legacy {
		n.Words += "There is no way back."
		return n
	}
	n.Words += "Nothing is read through the old app; nothing is deleted. Completing the migration starts synchronization again."
	return n
}

// secretCard is the old app's client secret on the integration's own page, with
// the form for another one.
type secretCard struct {
	form
	allowed
	Words       string
	Tone        string // of its badge
	Badge       string
	No          string
	App         string
	AppID       string
	Tenant      string
	Open        bool   // the form is unfolded, because something in it was refused
	Ends        string // as it was typed
	SecretError string
	EndsError   string
}

var secretBadges = map[migration.SecretState][2]string{
	migration.SecretNone: {"Not held", "bad"}, migration.SecretUntried: {"Not tried yet", ""}, migration.SecretRefused: {"Refused", "bad"},
	migration.SecretEnded: {"Ended", "bad"}, migration.SecretEnding: {"Ends soon", "warn"}, migration.SecretGood: {"In use", "ok"},
}

// newSecretCard is nil for what has no old app, or none any more.
func newSecretCard(caller domain.Caller, v service.ViewSyncPage) *secretCard {
	i, app := v.Integration, v.Legacy
	if app.ID == "" || !app.DestroyedAt.IsZero() {
		return nil
	}
	c := &secretCard{
		form:    form{Action: "/directory-sync/" + i.ID, Key: domain.NewToken()},
		allowed: allowed{May: caller.Has(domain.RoleMigrate, i.AccountID), Role: string(domain.RoleMigrate), Operator: caller.Operator(), Who: v.Deciders},
		Words:   "Its client secret " + v.Secret.Text + ".", No: v.Secret.No, App: app.Name, AppID: app.ClientID, Tenant: i.TenantDomain,
	}
	if c.No == "" && v.Secret.Gone {
		c.No = "The tenant does not know this app registration any more, so no client secret of it can work."
	}
	c.Badge, c.Tone = secretBadges[v.Secret.State][0], secretBadges[v.Secret.State][1]
	if v.Secret.State == migration.SecretGood && i.Binding != domain.BoundLegacy {
		c.Badge, c.Tone = "Kept for the way back", ""
	}
	return c
}

// secretOrder reads the form. A day is meant to its end, like everywhere.
func secretOrder(c echo.Context) (o service.LegacySecretOrder, err error) {
	o.Secret = c.FormValue("secret")
	if typed := c.FormValue("ends"); typed != "" {
		day, err := time.ParseInLocation(time.DateOnly, typed, time.UTC)
		if err != nil {
			return o, domain.InvalidField("secretEndsAt", "Enter the date as year, month and day, for example 2027-06-30")
		}
		o.EndsAt = domain.At(day.AddDate(0, 0, 1).Add(-time.Second))
	}
	return o, nil
}

// refuse unfolds the form with what was refused. The secret is not shown again;
// what stands in the date's field is, if it is a date.
func (s *secretCard) refuse(c echo.Context, cause error) (field string) {
	if s == nil {
		return ""
	}
	s.Open = true
	if _, err := time.Parse(time.DateOnly, c.FormValue("ends")); err == nil {
		s.Ends = c.FormValue("ends")
	}
	refused, _ := errors.AsType[*domain.Error](cause)
	switch {
	case refused == nil || s.No != "" || !s.May: // there is no form to point at
		return ""
	case refused.Field == "secret":
		s.SecretError = sentence(cause)
		return "secret"
	case refused.Field == "secretEndsAt":
		s.EndsError = sentence(cause)
		return "ends"
	}
	return ""
}
