// Package migration holds the rules of one attempt to move an integration from
// its legacy app to a connector: which phase may follow which, what a person
// may decide where, who has to act, and how to say all that in words.
//
//	AwaitingConsent ⇄ ConfirmingConsent → AwaitingDescription → Proving ⇄ AwaitingApproval
//	       ↑______________________________________________________|            ⇅
//	                                                             CuttingOver → Migrated → CleanUp → Closed
//	                                                                              ↓
//	                                                                          RolledBack
//
// Up to AwaitingApproval nothing of the synchronization has changed and the
// attempt can be cancelled; CuttingOver ends as Migrated or exactly where it
// came from; Migrated can be rolled back while the way back is open. The rules are data here so that the service, the workflow and the
// console cannot disagree.
package migration

import (
	"slices"
	"strings"

	"consentry/internal/domain"
)

// Stage is the rules of one phase.
type Stage struct {
	Phase     domain.Phase
	Next      []domain.Phase        // what may follow
	Decisions []domain.DecisionKind // what may be asked for here
	Actor     string                // who has to act, in the words of the console; "" = nobody
}

// Stages lists every phase in the order of the happy road, the ways out last.
var Stages = []Stage{
	{
		Phase:     domain.AwaitingConsent,
		Next:      []domain.Phase{domain.ConfirmingConsent, domain.Cancelled},
		Decisions: []domain.DecisionKind{domain.DecideDescribe, domain.DecideExtend, domain.DecideCancel},
		Actor:     "a Privileged Role Administrator or Global Administrator of the tenant",
	},
	{
		Phase:     domain.ConfirmingConsent,
		Next:      []domain.Phase{domain.AwaitingConsent, domain.AwaitingDescription, domain.Proving, domain.Cancelled},
		Decisions: []domain.DecisionKind{domain.DecideDescribe, domain.DecideExtend, domain.DecideCancel},
	},
	{
		Phase:     domain.AwaitingDescription,
		Next:      []domain.Phase{domain.Proving, domain.Cancelled},
		Decisions: []domain.DecisionKind{domain.DecideDescribe, domain.DecideExtend, domain.DecideCancel},
		Actor:     "somebody with the role migrate",
	},
	{
		Phase:     domain.Proving,
		Next:      []domain.Phase{domain.AwaitingApproval, domain.CuttingOver, domain.AwaitingConsent, domain.Cancelled},
		Decisions: []domain.DecisionKind{domain.DecideDescribe, domain.DecideExtend, domain.DecideCancel},
	},
	{
		Phase: domain.AwaitingApproval,
		Next:  []domain.Phase{domain.CuttingOver, domain.Proving, domain.Cancelled},
		Decisions: []domain.DecisionKind{
			domain.DecideDescribe, domain.DecideApprove, domain.DecideRefuse, domain.DecideExtend, domain.DecideCancel,
		},
		Actor: "somebody with the role approve",
	},
	{
		Phase: domain.CuttingOver,
		Next:  []domain.Phase{domain.Migrated, domain.AwaitingApproval},
	},
	{
		Phase: domain.Migrated,
		Next:  []domain.Phase{domain.CleanUp, domain.RolledBack},
		// A later date opens the way back again where the date in force has passed.
		Decisions: []domain.DecisionKind{domain.DecideRollBack, domain.DecideCleanUp, domain.DecideExtend},
	},
	{
		Phase:     domain.CleanUp,
		Next:      []domain.Phase{domain.Closed},
		Decisions: []domain.DecisionKind{domain.DecideCleanUp},
	},
	{Phase: domain.Closed},
	{Phase: domain.RolledBack},
	{Phase: domain.Cancelled},
}

// StageOf gives the rules of a phase; an unknown phase has none and allows
// nothing.
func StageOf(p domain.Phase) Stage {
	i := slices.IndexFunc(Stages, func(s Stage) bool { return s.Phase == p })
	if i < 0 {
		return Stage{Phase: p}
	}
	return Stages[i]
}

// MayFollow reports whether a migration may go from one phase to the other.
func MayFollow(from, to domain.Phase) bool { return slices.Contains(StageOf(from).Next, to) }

// Allows reports whether the decision may be taken in the phase.
func Allows(p domain.Phase, kind domain.DecisionKind) bool {
	return slices.Contains(StageOf(p).Decisions, kind)
}

// BeforeCutOver reports whether the phase lies before the switch, where dates
// still matter and cancelling leaves nothing behind.
func BeforeCutOver(p domain.Phase) bool {
	switch p {
	case domain.AwaitingConsent, domain.ConfirmingConsent, domain.AwaitingDescription, domain.Proving, domain.AwaitingApproval:
		return true
	default:
		return false
	}
}

// Operator names the vendor's operators where a phase names the customer's
// people: in search attributes, filters and answers.
const Operator = "operator"

// NeedsPerson says who can act where a migration stands, "" when nobody has to.
// consentCode is why the last consent came to nothing: one that was refused
// because the tenant is shared waits for the vendor's decision, and nobody of
// the customer can go on before it.
func NeedsPerson(p domain.Phase, consentCode string) string {
	if p == domain.AwaitingConsent && consentCode == ConsentTenantShared {
		return Operator
	}
	return p.NeedsPerson()
}

// Actor says the same in words.
func Actor(p domain.Phase, consentCode string) string {
	if NeedsPerson(p, consentCode) == Operator {
		return decidesSharing
	}
	return StageOf(p).Actor
}

const decidesSharing = "an operator, who decides whether the accounts share the tenant (consentry tenant allow)"

// RoleFor says which role a decision asks for. Going on without a further
// question is an approval given beforehand, and asks for the same role.
func RoleFor(kind domain.DecisionKind, detail domain.DecisionDetail) domain.Role {
	switch kind {
	case domain.DecideExtend:
		return domain.RoleOperator
	case domain.DecideApprove, domain.DecideRefuse, domain.DecideRollBack:
		return domain.RoleApprove
	case domain.DecideDescribe:
		if detail.GoOnIfUnchanged {
			return domain.RoleApprove
		}
	case domain.DecideCancel, domain.DecideCleanUp:
	}
	return domain.RoleMigrate
}

// OperatorMay reports whether an operator may decide it, too: dates, and the ways
// out. What a customer consents to is the customer's alone.
func OperatorMay(kind domain.DecisionKind) bool {
	return kind == domain.DecideExtend || kind == domain.DecideCancel || kind == domain.DecideRollBack
}

// CheckReason holds a decision to its reason. What was asked for or done is said
// no to or taken back by the first two, and whoever has to live with that reads
// why; the others may have one. It is the one rule of every door.
func CheckReason(kind domain.DecisionKind, reason string) error {
	if (kind == domain.DecideRefuse || kind == domain.DecideRollBack) && strings.TrimSpace(reason) == "" {
		return domain.InvalidField("reason", "Enter a reason")
	}
	return nil
}

// Kinds lists the decisions there are.
var Kinds = []domain.DecisionKind{
	domain.DecideDescribe, domain.DecideApprove, domain.DecideRefuse, domain.DecideCancel,
	domain.DecideRollBack, domain.DecideExtend, domain.DecideCleanUp,
}
