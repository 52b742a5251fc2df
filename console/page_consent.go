package console

import (
	"cmp"
	"net/url"
	"time"

	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// consentStep leads to Microsoft, and says why the last try came to nothing.
type consentStep struct {
	form
	allowed
	Host          string // where the person is sent
	TenantID      string
	TenantDomain  string
	Permissions   []permission
	ApplicationID string
	Failed        *consentFailure
	Waiting       *consentWaiting
	Address       string // of this page, to hand to another administrator
	First         bool   // nobody tried yet
	Again         string // address that repeats only the second sign-in; "": begin anew
	AgainFresh    bool   // with the password, so that a role activated now shows
	Expired       bool   // the legacy secret no longer works
	SecretEndedAt time.Time
}

// consentFailure is why the last consent came to nothing.
type consentFailure struct {
	advice
	Sentence string
	Code     string
	At       time.Time
}

// consentWaiting is a try that is under way, perhaps in somebody else's browser.
type consentWaiting struct {
	By       string
	Since    time.Time
	Until    time.Time
	Approval bool // with the tenant's reviewers
}

// checkingStep is the time between a consent and the proof that it works.
type checkingStep struct {
	Since  time.Time
	Budget string
}

func (p *Pages) consentStep(caller domain.Caller, v service.ViewMigration, f form) *consentStep {
	m, i, now := v.Migration, v.Integration, p.now()
	s := &consentStep{
		form: f, allowed: mayDo(caller, domain.RoleMigrate, v), Host: p.host, TenantID: i.TenantID, TenantDomain: i.TenantDomain,
		Permissions: newPermissions(domain.CurrentPermissionSet), ApplicationID: v.Cell.ClientID, Address: p.public + f.Action,
		First:   m.ConsentBeganAt.IsZero() && m.ConsentCode == "",
		Expired: v.Legacy.SecretEndsAt.Due(now), SecretEndedAt: v.Legacy.SecretEndsAt.Time,
	}
	if m.ConsentCode != "" {
		s.Failed = &consentFailure{advice: adviceFor(m.ConsentCode), Sentence: cmp.Or(m.ConsentText, migration.Text(m.ConsentCode)), Code: m.ConsentCode, At: failedAt(v)}
	}
	open := v.Session.Outcome == domain.ConsentOpen && v.Session.ExpiresAt.After(now)
	if open && s.Failed != nil && v.Session.Leg == domain.LegSignIn && v.Session.PersonID == caller.ID {
		s.Again, s.AgainFresh = "/consent/again/"+v.Session.ID, s.Failed.Fresh
	}
	if open && s.Failed == nil {
		s.Waiting = &consentWaiting{
			By: cmp.Or(v.People[v.Session.PersonID], "Somebody of your account"), Since: v.Session.CreatedAt.Time, Until: v.Session.ExpiresAt.Time,
			Approval: v.Session.Code == string(consent.ReasonApprovalRequested),
		}
	}
	return s
}

// failedAt is when the consent failed: the session's end where it ended, its
// leg's refusal otherwise, and the return to this phase when no session tells.
func failedAt(v service.ViewMigration) time.Time {
	m, cs := v.Migration, v.Session
	if cs.Code == "" || cs.EndedAt.Before(m.PhaseSince.Time) {
		return later(m.PhaseSince.Time, m.UpdatedAt.Time)
	}
	return cs.EndedAt.Time
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// hostOf is the name a person sees in the address bar of the sign-in page.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "Microsoft"
	}
	return u.Host
}

// describeStep asks for the description, which is always empty at first.
type describeStep struct {
	form
	allowed
	Ahead      bool   // asked before its turn: it may wait
	Given      string // what stands already
	Name       string
	Reused     bool // the account's connector of this tenant is used: shown for confirmation
	Value      string
	Suggestion string
	GoOn       bool
	MayGoOn    bool // this person may approve beforehand
	Max, Min   int
	Error      string
}

func (p *Pages) describeStep(caller domain.Caller, v service.ViewMigration, f form, ahead bool) *describeStep {
	m := v.Migration
	s := &describeStep{
		form: f, allowed: mayDo(caller, domain.RoleMigrate, v), Ahead: ahead, Given: m.Description,
		Name: cmp.Or(v.Connector.Name, v.Integration.Name), Suggestion: suggestion(v), GoOn: m.GoOnIfUnchanged,
		MayGoOn: caller.Has(domain.RoleApprove, m.AccountID), Max: domain.DescriptionMax, Min: domain.DescriptionMin,
	}
	if v.Connector.Description != "" {
		s.Reused, s.Value = true, v.Connector.Description
	}
	if m.Description != "" {
		s.Value = m.Description
	}
	return s
}
