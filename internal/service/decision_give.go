package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"consentry/internal/campaign"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// reasonMax bounds what a person may write beside a decision, in code points.
const reasonMax = 240

// extensionMax bounds a new date, an account's own and a campaign's: a typing error in the year should
// not keep an account on its secret for a decade.
const extensionMax = 2 * 365 * 24 * time.Hour

// GiveDecision takes a person's decision on a migration: role, rules and phase
// are checked, the decision is stored as given, and the workflow is asked to
// apply it. The answer is the decision as it stands after a short wait: applied,
// refused with its reason, or still given.
func (s *Service) GiveDecision(ctx context.Context, caller domain.Caller, key, migrationID string, kind domain.DecisionKind, detail domain.DecisionDetail) (domain.Decision, error) {
	if key != "" {
		key = migrationID + "/" + key
	}
	asked, err := digestOf(kind, detail)
	if err != nil {
		return domain.Decision{}, err
	}
	// The key is the caller's for the migration, whatever is decided with it, so
	// that a key that is used for something else is noticed.
	var stored domain.Decision
	given, err := Do(ctx, s, caller, key, "decide", migrationID, func(tx *Tx) (_ givenDecision, err error) {
		stored, err = tx.giveDecision(migrationID, kind, detail)
		return givenDecision{ID: stored.ID, Asked: asked}, err
	})
	if err != nil {
		return domain.Decision{}, err
	}
	if given.Asked != asked {
		return domain.Decision{}, domain.Refuse(domain.Conflict, "key-reused", "This Idempotency-Key was used for another decision. Nothing was changed; send this one with a key of its own.")
	}
	var d domain.Decision
	err = s.Read(ctx, caller, func(tx *Tx) error {
		d, err = tx.Rows.Decisions().Get(given.ID)
		return err
	})
	if domain.KindOf(err) == domain.Unavailable && stored.ID == given.ID {
		return stored, nil // it is committed: to call it undone would be untrue
	}
	return d, err
}

// givenDecision is what the command keeps under its key.
type givenDecision struct {
	ID    string
	Asked string // digest of what was asked
}

func digestOf(kind domain.DecisionKind, detail domain.DecisionDetail) (string, error) {
	b, err := json.Marshal(detail)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte(kind+"/"), b...))
	return hex.EncodeToString(sum[:]), nil
}

func (t *Tx) giveDecision(migrationID string, kind domain.DecisionKind, detail domain.DecisionDetail) (domain.Decision, error) {
	m, err := t.Rows.Migrations().Get(migrationID)
	if err != nil || !t.Caller.Sees(m.AccountID) {
		return domain.Decision{}, notHere("migration", err)
	}
	if err := t.notDeleted(m.AccountID); err != nil {
		return domain.Decision{}, err
	}
	if !slices.Contains(migration.Kinds, kind) {
		return domain.Decision{}, domain.InvalidField("kind", "There is no decision %q", kind)
	}
	if err := t.mayDecide(m, kind, detail); err != nil {
		return domain.Decision{}, err
	}
	if detail, err = t.checkDetail(m, kind, detail); err != nil {
		return domain.Decision{}, err
	}
	d := domain.Decision{
		ID: domain.NewID("dec"), AccountID: m.AccountID, MigrationID: m.ID, Kind: kind, Detail: detail,
		State: domain.DecisionGiven, GivenBy: t.Caller.ID, GivenAt: t.At(),
	}
	if err := t.Rows.Decisions().Insert(&d); err != nil {
		return d, err
	}
	if err := t.Done(m.AccountID, "give-decision", "decision", d.ID, map[string]string{"migration": m.ID, "kind": string(kind)}); err != nil {
		return d, err
	}
	return d, t.Call(domain.CallUpdate, m.AccountID, contract.MigrationID(m.IntegrationID), contract.UpdateApplyDecision, d.ID,
		contract.ApplyDecision{AttemptID: m.ID, DecisionID: d.ID})
}

// mayDecide holds role and phase. The ways out (cancel, roll back) are open to
// the vendor's operators too; extending is theirs alone; everything else is the
// customer's own.
func (t *Tx) mayDecide(m domain.Migration, kind domain.DecisionKind, detail domain.DecisionDetail) error {
	switch need := migration.RoleFor(kind, detail); {
	case need == domain.RoleOperator && !t.Caller.Operator():
		return domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may give an account another date.")
	case need == domain.RoleOperator, (kind == domain.DecideCancel || kind == domain.DecideRollBack) && t.Caller.Operator():
	case !t.Caller.Has(need, m.AccountID) && t.Caller.Operator():
		return domain.Refuse(domain.Forbidden, "role-needed", "This decision is the customer's own: it needs somebody of the account with the role %q. Operators may extend, cancel and roll back.", need)
	case !t.Caller.Has(need, m.AccountID):
		return domain.Refuse(domain.Forbidden, "role-needed", "This needs the role %q in the account. Ask somebody who has it.", need)
	}
	if !migration.Allows(m.Phase, kind) {
		code := migration.NotInPhase
		if m.Phase.Ended() {
			code = migration.MigrationEnded
		}
		return domain.Refuse(domain.Conflict, code, "%s", migration.NotNow(m.Phase, kind))
	}
	return nil
}

// checkDetail holds the rules of each kind's own fields and drops the others.
func (t *Tx) checkDetail(m domain.Migration, kind domain.DecisionKind, in domain.DecisionDetail) (out domain.DecisionDetail, err error) {
	out.Reason = strings.Join(strings.Fields(in.Reason), " ")
	if utf8.RuneCountInString(out.Reason) > reasonMax {
		return out, domain.InvalidField("reason", "Reason must be %d characters or fewer", reasonMax)
	}
	switch kind {
	case domain.DecideDescribe:
		name, err := t.connectorName(m)
		if err != nil {
			return out, err
		}
		out.GoOnIfUnchanged = in.GoOnIfUnchanged
		out.Description, err = domain.CleanDescription(name, in.Description)
		return out, err
	case domain.DecideApprove:
		if out.ProofID = in.ProofID; out.ProofID == "" {
			return out, domain.InvalidField("proofId", "Name the comparison that you approve")
		}
		if out.ProofID != m.ProofID {
			return out, &domain.Error{Kind: domain.Conflict, Code: migration.ProofOther, Field: "proofId", Message: migration.Text(migration.ProofOther)}
		}
	case domain.DecideExtend:
		if out.Deadline = in.Deadline; out.Deadline.IsZero() {
			return out, domain.InvalidField("deadline", "Enter a date")
		}
		if out.Deadline.After(t.Now.Add(extensionMax)) {
			return out, domain.InvalidField("deadline", "The new date must lie within two years")
		}
		c, err := t.campaignOf(m)
		if err != nil {
			return out, err
		}
		if late := later(t.Now, campaign.DateInForce(c, &m)); !out.Deadline.After(late) {
			return out, domain.InvalidField("deadline", "The new date must be after %s", late.UTC().Format("2 January 2006 15:04 UTC"))
		}
	case domain.DecideRollBack:
		if out.Reason == "" {
			return out, domain.InvalidField("reason", "Enter why the migration is taken back")
		}
		no, err := t.noWayBack(m)
		if err != nil {
			return out, err
		}
		if no != nil {
			return out, domain.Refuse(domain.Conflict, no.code, "%s", no.text)
		}
	case domain.DecideCleanUp:
		out.Removed = in.Removed
		if m.Phase == domain.Migrated && !out.Removed {
			return out, domain.Refuse(domain.Conflict, migration.WayBackStillOpen, "%s", migration.Text(migration.WayBackStillOpen))
		}
	default:
	}
	return out, nil
}

// connectorName is the name a description has to say more than: the
// connector's, or the one the first migration will give it.
func (t *Tx) connectorName(m domain.Migration) (string, error) {
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	if err != nil {
		return "", err
	}
	c, err := optional(t.Rows.Connectors().Find(By(Where{"account_id": i.AccountID, "tenant_id": i.TenantID, "product": i.Product})))
	if err != nil || c.ID == "" {
		return i.Name, err
	}
	return c.Name, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
