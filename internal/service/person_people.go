package service

import (
	"context"
	"strings"

	"consentry/internal/domain"
)

// Access is a person's role in an account, or as an operator (AccountID "").
type Access struct {
	Person    domain.Person
	Grant     domain.Grant
	GrantedBy string // name of who gave it; "" when it is not known any more
}

// People lists who holds a role, the latest first; accountID narrows it. Whoever
// sees an account sees who else does.
func (s *Service) People(ctx context.Context, caller domain.Caller, accountID string, p Page) (list List[Access], err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		where, err := t.scope(accountID)
		if err != nil {
			return err
		}
		grants, err := page(t, t.Rows.Grants(), where, "granted_at", p, func(g domain.Grant) place { return place{g.GrantedAt, g.ID} })
		if err != nil {
			return err
		}
		list = List[Access]{Next: grants.Next, AsOf: grants.AsOf}
		list.Items, err = t.accessOf(grants.Items)
		return err
	})
	return list, err
}

// accessOf adds to grants whose they are and who gave them.
func (t *Tx) accessOf(grants []domain.Grant) ([]Access, error) {
	list, givers := make([]Access, 0, len(grants)), make([]string, 0, len(grants))
	for _, g := range grants {
		person, err := t.Rows.People().Get(g.PersonID)
		if err != nil {
			return nil, err
		}
		list, givers = append(list, Access{Person: person, Grant: g}), append(givers, g.GrantedBy)
	}
	names, err := t.viewPeople(givers...)
	for n := range list {
		list[n].GrantedBy = names[list[n].Grant.GrantedBy]
	}
	return list, err
}

// PersonOrder invites an identity of the console's provider to a role.
type PersonOrder struct {
	Issuer    string
	Subject   string // for Entra issuers: tenant id + "/" + object id
	Name      string
	AccountID string // "": as an operator
	Role      domain.Role
}

// InvitePerson gives an identity a role at once. Somebody who has a role in the
// account has the new one instead.
func (s *Service) InvitePerson(ctx context.Context, caller domain.Caller, order PersonOrder) (Access, error) {
	return Do(ctx, s, caller, "", "invite-person", subjectOf(order.AccountID), func(tx *Tx) (Access, error) {
		order.Issuer, order.Subject, order.Name = strings.TrimSpace(order.Issuer), strings.TrimSpace(order.Subject), strings.TrimSpace(order.Name)
		if err := domain.Mistakes(tx.mayManage(order.AccountID, order.Role), text("issuer", order.Issuer), text("subject", order.Subject), text("name", order.Name), tx.served.issuer("issuer", order.Issuer)); err != nil {
			return Access{}, err
		}
		person, err := tx.personOf(order.Issuer, order.Subject, order.Name)
		if err != nil {
			return Access{}, err
		}
		return tx.give(person, order.AccountID, order.Role, caller.ID, "invite-person")
	})
}

// mayManage: an account's people are managed by those of it who may approve, and
// by the vendor's operators, who have to bring in the first; operators are
// managed by operators.
func (t *Tx) mayManage(accountID string, role domain.Role) error {
	if err := t.roleFits(t.Caller, accountID, role); err != nil {
		return err
	}
	if t.Caller.Operator() || t.Caller.Has(domain.RoleApprove, accountID) {
		return nil
	}
	return domain.Refuse(domain.Forbidden, "role-needed", "This needs the role %q in the account. Ask somebody who has it.", domain.RoleApprove)
}

// personOf finds an identity, or makes it known under a name.
func (t *Tx) personOf(issuer, subject, name string) (domain.Person, error) {
	person, err := t.Rows.People().Find(By(Where{"issuer": issuer, "subject": subject}))
	if domain.IsNotFound(err) {
		person = domain.Person{ID: domain.NewID("per"), Issuer: issuer, Subject: subject, Name: name, CreatedAt: t.At()}
		err = t.Rows.People().Insert(&person)
	}
	return person, err
}

// give makes a role the only one that a person has in an account. The same role
// again changes nothing.
func (t *Tx) give(person domain.Person, accountID string, role domain.Role, by, action string) (Access, error) {
	where := Where{"person_id": person.ID, "account_id": accountID}
	held, err := t.Rows.Grants().List(By(where))
	if err != nil {
		return Access{}, err
	}
	if len(held) == 1 && held[0].Role == role {
		return t.oneAccess(held[0])
	}
	if _, err := t.Rows.Grants().Delete(By(where)); err != nil {
		return Access{}, err
	}
	grant := domain.Grant{ID: domain.NewID("grt"), PersonID: person.ID, AccountID: accountID, Role: role, GrantedAt: t.At(), GrantedBy: by}
	if err := t.Rows.Grants().Insert(&grant); err != nil {
		return Access{}, err
	}
	if err := t.Done(accountID, action, "person", person.ID, map[string]string{"role": string(role)}); err != nil {
		return Access{}, err
	}
	if err := t.endBeyond(person); err != nil {
		return Access{}, err
	}
	return t.oneAccess(grant)
}

func (t *Tx) oneAccess(g domain.Grant) (Access, error) {
	list, err := t.accessOf([]domain.Grant{g})
	if err != nil {
		return Access{}, err
	}
	return list[0], nil
}

// ChangeRole gives somebody who has a role in an account another.
func (s *Service) ChangeRole(ctx context.Context, caller domain.Caller, personID, accountID string, role domain.Role) (Access, error) {
	return Do(ctx, s, caller, "", "change-role", personID, func(tx *Tx) (Access, error) {
		person, err := tx.holder(personID, accountID)
		if err != nil {
			return Access{}, err
		}
		if err := tx.mayManage(accountID, role); err != nil {
			return Access{}, err
		}
		return tx.give(person, accountID, role, caller.ID, "change-role")
	})
}

// holder gives a person who has a role in the account, for callers who may know.
func (t *Tx) holder(personID, accountID string) (domain.Person, error) {
	if (accountID == "" && !t.Caller.Operator()) || (accountID != "" && !t.Caller.Sees(accountID)) {
		return domain.Person{}, domain.Missing("person")
	}
	n, err := t.Rows.Grants().Count(By(Where{"person_id": personID, "account_id": accountID}))
	if err != nil {
		return domain.Person{}, err
	}
	if n == 0 {
		return domain.Person{}, domain.Missing("person")
	}
	return t.Rows.People().Get(personID)
}

// RevokePerson takes somebody's role in an account, or as an operator. It counts
// from the next request on; every session of the person ends, and so do the
// tokens and invitations that nobody but somebody with that role could issue.
// The last operator stays: nobody could let anybody in again.
func (s *Service) RevokePerson(ctx context.Context, caller domain.Caller, personID, accountID string) error {
	_, err := Do(ctx, s, caller, "", "revoke-person", personID, func(tx *Tx) (struct{}, error) {
		person, err := tx.holder(personID, accountID)
		if err != nil {
			return struct{}{}, err
		}
		role := domain.RoleView
		if accountID == "" {
			role = domain.RoleOperator
		}
		if err := tx.mayManage(accountID, role); err != nil {
			return struct{}{}, err
		}
		if accountID == "" {
			operators, err := tx.Rows.Grants().Count(By(Where{"account_id": "", "role": string(domain.RoleOperator)}))
			if err != nil {
				return struct{}{}, err
			}
			if operators == 1 {
				return struct{}{}, domain.Refuse(domain.Conflict, "last-operator", "This is the last operator. Invite another first; without one, nobody could let anybody in.")
			}
		}
		if _, err := tx.Rows.Grants().Delete(By(Where{"person_id": personID, "account_id": accountID})); err != nil {
			return struct{}{}, err
		}
		if _, err := tx.Rows.Sessions().Delete(By(Where{"person_id": personID})); err != nil {
			return struct{}{}, err
		}
		if err := tx.Done(accountID, "revoke-person", "person", personID, nil); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.endBeyond(person)
	})
	return err
}

// endBeyond ends the tokens and open invitations of a person that the roles that
// are left would not let him issue: access must not outlast the right to give it.
func (t *Tx) endBeyond(person domain.Person) error {
	left, err := callerOf(t.Rows, person)
	if err != nil {
		return err
	}
	tokens, err := t.Rows.Tokens().List(By(Where{"created_by": person.ID, "revoked_at": domain.Instant{}}))
	if err != nil {
		return err
	}
	for _, token := range tokens {
		switch err := t.mayIssue(left, token.AccountID, token.Role); {
		case err == nil:
		case domain.KindOf(err) == "":
			return err
		default:
			if err := t.revokeToken(token, "its issuer lost the role"); err != nil {
				return err
			}
		}
	}
	return t.endInvitationsOf(person.ID, func(i domain.Invitation) bool { return left.Operator() || left.Has(domain.RoleApprove, i.AccountID) })
}
