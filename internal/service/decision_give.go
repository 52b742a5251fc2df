package service

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
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
	asked, err := digestOf(string(kind), detail)
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
		return domain.Decision{}, errKeyReused("decision")
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

func digestOf(kind string, detail any) (string, error) {
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
	case migration.OperatorMay(kind) && t.Caller.Operator():
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
	var senseless error
	out.Reason, senseless = cleanReason(in.Reason)
	senseless = cmp.Or(migration.CheckReason(kind, in.Reason), senseless)
	switch kind {
	case domain.DecideDescribe:
		name, err := t.connectorName(m)
		if err != nil {
			return out, err
		}
		out.GoOnIfUnchanged = in.GoOnIfUnchanged
		var unfit error
		out.Description, unfit = domain.CleanDescription(name, in.Description)
		return out, domain.Mistakes(unfit, senseless)
	case domain.DecideApprove:
		out.ProofID, out.CompareAgain = in.ProofID, in.CompareAgain
		return out, domain.Mistakes(proofSeen(m, out.ProofID), senseless)
	case domain.DecideExtend:
		out.Deadline = in.Deadline
		unfit, err := t.laterDate(m, out.Deadline)
		return out, cmp.Or(err, domain.Mistakes(unfit, senseless))
	case domain.DecideRollBack:
		if senseless != nil {
			return out, senseless
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
		if m.Phase == domain.Migrated && !out.Removed && senseless == nil {
			return out, domain.Refuse(domain.Conflict, migration.WayBackStillOpen, "%s", migration.Text(migration.WayBackStillOpen))
		}
	default:
	}
	return out, senseless
}

// cleanReason folds a reason into one line and bounds it.
func cleanReason(reason string) (string, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if utf8.RuneCountInString(reason) > reasonMax {
		return "", domain.InvalidField("reason", "Reason must be %d characters or fewer", reasonMax)
	}
	return reason, oneLine("reason", reason)
}

// proofSeen holds the comparison that somebody approves against the latest one.
func proofSeen(m domain.Migration, proofID string) error {
	switch proofID {
	case "":
		return domain.InvalidField("proofId", "Name the comparison that you approve")
	case m.ProofID:
		return nil
	}
	return &domain.Error{Kind: domain.Conflict, Code: migration.ProofOther, Field: "proofId", Message: migration.Text(migration.ProofOther)}
}

// laterDate holds a date of a migration's own against now, which makes sense of
// it, and against the date in force, which is how things stand.
func (t *Tx) laterDate(m domain.Migration, asked domain.Instant) (unfit, err error) {
	switch {
	case asked.IsZero():
		return domain.InvalidField("deadline", "Enter a date"), nil
	case asked.Due(t.Now):
		return domain.InvalidField("deadline", "The new date must lie ahead, and it is %s", at(t.At())), nil
	case asked.After(t.Now.Add(extensionMax)):
		return domain.InvalidField("deadline", "The new date must lie within two years"), nil
	}
	c, err := t.campaignOf(m)
	if err != nil {
		return nil, err
	}
	if inForce := campaign.DateInForce(c, &m); !asked.After(inForce) {
		return &domain.Error{Kind: domain.Conflict, Code: migration.DeadlineNotLater, Field: "deadline", Message: fmt.Sprintf("The new date must be after %s, the date in force", at(domain.At(inForce)))}, nil
	}
	return nil, nil
}

// connectorName is the name a description has to say more than: the
// connector's, or the one the first migration will give it.
func (t *Tx) connectorName(m domain.Migration) (string, error) {
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	if err != nil {
		return "", err
	}
	c, err := optional(t.Rows.Connectors().Find(By(Where{"account_id": i.AccountID, "tenant_id": i.TenantID, "product": i.Product, "disconnected_at": domain.Instant{}})))
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
