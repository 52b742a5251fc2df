package migration

import (
	"time"

	"consentry/internal/domain"
)

// SecretState is how the client secret of an old app fares.
type SecretState string

// The states. Only what Microsoft answered makes a secret refused, and only its
// answer to a new one ends "untried": a date is what somebody told us.
const (
	SecretNone    SecretState = "none"    // we hold none
	SecretUntried SecretState = "untried" // a person entered it, and nobody has asked Microsoft with it
	SecretRefused SecretState = "refused"
	SecretEnded   SecretState = "ended"
	SecretEnding  SecretState = "ending" // within SecretWarning
	SecretGood    SecretState = "good"
)

// SecretWarning is how long before its end a secret is spoken of.
const SecretWarning = 30 * 24 * time.Hour

// secretLastWarning is when it is spoken of once more.
const secretLastWarning = 7 * 24 * time.Hour

// SecretStateOf says how the client secret of an old app fares.
func SecretStateOf(app domain.LegacyApp, now time.Time) SecretState {
	asked := !app.ProbedAt.IsZero() && !app.ProbedAt.Before(app.SecretEnteredAt.Time)
	refused := OldApp(app.ProbeVerdict) == OldAppLives || OldApp(app.ProbeVerdict) == OldAppGone
	switch {
	case app.SecretRef == "":
		return SecretNone
	case !asked && !app.SecretEnteredAt.IsZero():
		return SecretUntried
	case asked && refused:
		return SecretRefused
	}
	switch SecretRung(app.SecretEndsAt.Time, now) {
	case 0:
		return SecretGood
	case secretRungs:
		return SecretEnded
	}
	return SecretEnding
}

// notTheSecret are Microsoft's answers that another client secret would get, too.
var notTheSecret = map[string]bool{
	"AADSTS700016": true, "AADSTS7000229": true, "AADSTS7000112": true, "AADSTS53003": true,
	"Authorization_RequestDenied": true, "Authorization_IdentityNotFound": true,
}

// OtherSecretHelps reports whether another client secret of an old app that lets
// us in no longer could change that.
func OtherSecretHelps(app domain.LegacyApp, now time.Time) bool {
	return SecretStateOf(app, now) != SecretRefused || OldApp(app.ProbeVerdict) != OldAppGone && !notTheSecret[app.ProbeCode]
}

// Dead reports whether a secret opens nothing any more.
func (s SecretState) Dead() bool {
	return s == SecretNone || s == SecretRefused || s == SecretEnded
}

// LegacyUnread reports whether nothing is read through the old app of an
// integration that is bound to it before a person acts.
func LegacyUnread(i domain.Integration, secret SecretState) bool {
	s := Situation{Facts: Facts{Bound: i.Binding != domain.BoundLegacy}, Condition: i.Condition, ConditionCode: i.ConditionCode}
	return !s.Bound && (secret.Dead() || s.deadLegacy())
}

// secretRungs is the last rung: the end itself.
const secretRungs = 3

// SecretRung is which warning about a secret's end has been reached: one thirty
// days before, one seven days before, and the end itself; 0 is none.
func SecretRung(ends, now time.Time) int {
	switch left := ends.Sub(now); {
	case ends.IsZero() || left > SecretWarning:
		return 0
	case left > secretLastWarning:
		return 1
	case left > 0:
		return 2
	}
	return secretRungs
}

// SecretText says how the secret fares, as what follows "the client secret".
func SecretText(app domain.LegacyApp, now time.Time) string {
	ends := "ends on " + day(app.SecretEndsAt.Time)
	if app.SecretEndsAt.IsZero() {
		ends = "has an end that we were not told"
	}
	switch SecretStateOf(app, now) {
	case SecretNone:
		return "is not held"
	case SecretUntried:
		return "was entered on " + day(app.SecretEnteredAt.Time) + ", " + ends + ", and has not been tried at Microsoft yet"
	case SecretRefused:
		return "is refused by Microsoft, which was asked on " + day(app.ProbedAt.Time) + ": " + OldAppText(OldApp(app.ProbeVerdict), app.ProbeCode)
	case SecretEnded:
		return "ended on " + day(app.SecretEndsAt.Time)
	case SecretEnding, SecretGood:
	}
	return ends
}

// secretRefusals say what Microsoft's answer to an old app's secret means, and
// what brings synchronization back (facts 2.14).
var secretRefusals = map[string][2]string{
	"AADSTS7000222": {"Microsoft says that the client secret of the old app registration has expired", anotherSecret},
	"AADSTS7000215": {
		"Microsoft does not accept the client secret that we hold of the old app registration: it was removed there, or what was entered is a Secret ID, or the secret of another app",
		anotherSecret,
	},
	"AADSTS700016":                   {"The tenant does not know the old app registration any more, so no client secret of it can work", "Migrate to a connector to start it again."},
	"AADSTS7000229":                  {"The old app registration has no enterprise app in the tenant any more; its client secret is not what is wrong", "Have an administrator consent to it again, or migrate to a connector, to start it again."},
	"AADSTS7000112":                  {"The old app registration is switched off in the tenant; its client secret is not what is wrong", "Enable sign-in for it there, or migrate to a connector, to start it again."},
	"Authorization_RequestDenied":    noPermission,
	"Authorization_IdentityNotFound": noPermission,
	CodeNoSecret:                     {"We hold no client secret of the old app registration", anotherSecret},
}

var noPermission = [2]string{"Microsoft lets the old app registration in, and it has no permission to read any more; its client secret is not what is wrong", "Have an administrator grant its permissions again, or migrate to a connector, to start it again."}

const anotherSecret = "Enter a new client secret of the same app, or migrate to a connector, to start it again."

// SecretRefusal is the sentence for a synchronization that could not read
// through the old app, by Microsoft's code; "" for a code that says nothing.
func SecretRefusal(code string) string {
	said, known := secretRefusals[code]
	if !known {
		return ""
	}
	return said[0] + ". Nothing is deleted. " + said[1]
}
