package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

// How long a token works when nobody says, and at most: a forgotten one ends by
// itself.
const (
	TokenLifetime    = 90 * 24 * time.Hour
	TokenLifetimeMax = 366 * 24 * time.Hour
)

// TokenOrder asks for a token. Without an account it is the operator's.
type TokenOrder struct {
	Name      string
	AccountID string
	Role      domain.Role
	ExpiresAt domain.Instant // zero: TokenLifetime from now
}

// IssuedToken is a new token with its value, of which this is the only copy.
type IssuedToken struct {
	Token domain.Token
	Value string
}

// IssueToken gives a machine a role. It has no idempotency key, because the
// answer would have to be kept with the value in it; instead a name is unique
// among the tokens of its owner that work, so that a repeat is refused and says
// so.
func (s *Service) IssueToken(ctx context.Context, caller domain.Caller, order TokenOrder) (IssuedToken, error) {
	value := domain.NewBearer()
	token, err := Do(ctx, s, caller, "", "issue-token", subjectOf(order.AccountID), func(tx *Tx) (domain.Token, error) {
		order.Name = strings.TrimSpace(order.Name)
		ends, late := tx.tokenEnd(order.ExpiresAt)
		if err := domain.Mistakes(tx.mayIssue(caller, order.AccountID, order.Role), text("name", order.Name), late); err != nil {
			return domain.Token{}, err
		}
		same, err := tx.Tokens().Count(By(Where{"account_id": order.AccountID, "name": order.Name, "revoked_at": domain.Instant{}, "expires_at >": tx.At()}))
		if err != nil {
			return domain.Token{}, err
		}
		if same > 0 {
			return domain.Token{}, &domain.Error{Kind: domain.Conflict, Code: "token-name-taken", Field: "name", Message: "A token of this name works already. Nothing was issued; revoke it first, or choose another name."}
		}
		token := domain.Token{
			ID: domain.NewID("tok"), Digest: consent.Hash(value), Name: order.Name, AccountID: order.AccountID, Role: order.Role,
			CreatedBy: caller.ID, CreatedAt: tx.At(), ExpiresAt: ends,
		}
		if err := tx.Tokens().Insert(&token); err != nil {
			return token, err
		}
		return token, tx.Done(token.AccountID, "issue-token", "token", token.ID, map[string]string{"role": string(token.Role), "expires": token.ExpiresAt.Format(time.RFC3339)})
	})
	if err != nil {
		return IssuedToken{}, err
	}
	return IssuedToken{Token: token, Value: value}, nil
}

// subjectOf names whose access a command is about.
func subjectOf(accountID string) string {
	if accountID == "" {
		return "vendor"
	}
	return accountID
}

// mayIssue: nobody issues a token that may do more than himself. An operator
// sees an account but does not take its decisions, so neither may a token of
// his for it.
func (t *Tx) mayIssue(issuer domain.Caller, accountID string, role domain.Role) error {
	if err := t.roleFits(issuer, accountID, role); err != nil {
		return err
	}
	switch {
	case accountID == "", issuer.Has(domain.RoleApprove, accountID), issuer.Operator() && role == domain.RoleView:
		return nil
	case issuer.Operator():
		return domain.Refuse(domain.Forbidden, "role-needed", "An operator may issue tokens that view an account. One that decides for it is issued by its people with the role %q.", domain.RoleApprove)
	}
	return domain.Refuse(domain.Forbidden, "role-needed", "This needs the role %q in the account. Ask somebody who has it.", domain.RoleApprove)
}

// roleFits checks that account and role belong together and exist for the
// caller.
func (t *Tx) roleFits(caller domain.Caller, accountID string, role domain.Role) error {
	if accountID == "" {
		if !caller.Operator() {
			return domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may give somebody that role. Name an account to give a role in it.")
		}
		if role != domain.RoleOperator {
			return domain.InvalidField("role", "Without an account the role is operator; name the account for any other")
		}
		return nil
	}
	if !caller.Sees(accountID) {
		return domain.Missing("account")
	}
	if _, err := t.Accounts().Get(accountID); err != nil {
		return notHere("account", err)
	}
	if !role.Valid() || role == domain.RoleOperator {
		return domain.InvalidField("role", "The role in an account is view, migrate or approve")
	}
	return nil
}

// tokenEnd bounds a token's life; one that a token issues ends with it at the
// latest.
func (t *Tx) tokenEnd(asked domain.Instant) (domain.Instant, error) {
	latest := t.In(TokenLifetimeMax)
	switch {
	case asked.IsZero():
	case asked.Due(t.Now):
		return asked, domain.InvalidField("expiresAt", "The token must end after now")
	case asked.After(latest.Time):
		return asked, domain.InvalidField("expiresAt", "The token must end by %s, %d days from now", at(latest), int(TokenLifetimeMax.Hours()/24))
	}
	if t.Caller.Kind == domain.CallerMachine {
		own, err := t.Tokens().Get(t.Caller.ID)
		if err != nil {
			return asked, err
		}
		latest = own.ExpiresAt
	}
	if asked.IsZero() {
		asked = t.In(TokenLifetime)
		if asked.After(latest.Time) {
			asked = latest
		}
	}
	if asked.After(latest.Time) {
		return asked, &domain.Error{Kind: domain.Conflict, Code: "token-outlives-issuer", Field: "expiresAt", Message: fmt.Sprintf(
			"A token issues none that outlives it, and this one ends on %s: ask for a shorter time. One that lasts is issued by a person, signed in to the console (Operators, or People and tokens of an account), for up to a year", at(latest))}
	}
	return asked, nil
}

// Tokens lists tokens, the latest first; accountID narrows it.
func (s *Service) Tokens(ctx context.Context, caller domain.Caller, accountID string, p Page) (list List[domain.Token], err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		where, err := t.scope(accountID)
		if err != nil {
			return err
		}
		list, err = page(t, t.Rows.Tokens(), where, "created_at", p, func(k domain.Token) place { return place{k.CreatedAt, k.ID} })
		return err
	})
	return list, err
}

// RevokeToken ends a token at once, and every token and open invitation that was
// made with it: whoever stole one may have made others. Revoking it again changes
// nothing. Somebody who has a role already keeps it; the list of people says who
// gave it.
func (s *Service) RevokeToken(ctx context.Context, caller domain.Caller, id string) (domain.Token, error) {
	return Do(ctx, s, caller, "", "revoke-token", id, func(tx *Tx) (domain.Token, error) {
		token, err := tx.Tokens().Get(id)
		if err != nil || (!caller.Operator() && !caller.Has(domain.RoleView, token.AccountID)) {
			return domain.Token{}, notHere("token", err)
		}
		// A token may always end itself; everything else is for who manages access.
		if caller.ID != id && !caller.Operator() && !caller.Has(domain.RoleApprove, token.AccountID) {
			return domain.Token{}, domain.Refuse(domain.Forbidden, "role-needed", "This needs the role %q in the account. Ask somebody who has it.", domain.RoleApprove)
		}
		if err := tx.revokeToken(token, "revoked"); err != nil {
			return domain.Token{}, err
		}
		return tx.Tokens().Get(id)
	})
}

// revokeToken ends a token and what was issued with it.
func (t *Tx) revokeToken(token domain.Token, why string) error {
	if !token.RevokedAt.IsZero() {
		return nil // and so are those that it issued
	}
	token.RevokedAt, token.RevokedBy = t.At(), t.Caller.ID
	if err := t.Tokens().Update(&token); err != nil {
		return err
	}
	if err := t.Done(token.AccountID, "revoke-token", "token", token.ID, map[string]string{"why": why}); err != nil {
		return err
	}
	if err := t.endInvitationsOf(token.ID, func(domain.Invitation) bool { return false }); err != nil {
		return err
	}
	issued, err := t.Tokens().List(By(Where{"created_by": token.ID, "revoked_at": domain.Instant{}}))
	for _, child := range issued {
		if err := t.revokeToken(child, "its issuer was revoked"); err != nil {
			return err
		}
	}
	return err
}
