package service

import (
	"fmt"

	"consentry/internal/domain"
)

// roleTaken is what somebody had whose role was taken away.
const roleTaken = "taken away"

// invite gives an identity a role; somebody whose role was taken away gets one
// only if the import says that it changes, because a file may be older; one that is there already keeps its id, and
// the higher of two roles, because an inventory takes nothing away.
func (tx *Tx) invite(rep *InventoryReport, p InventoryPerson, accountID string, role domain.Role) error {
	kind := "person"
	if accountID == "" {
		kind = "operator"
	}
	person, err := tx.personOf(p.Issuer, p.Subject, p.Name)
	if err != nil {
		return err
	}
	held, err := tx.Grants().List(By(Where{"person_id": person.ID, "account_id": accountID}))
	if err != nil {
		return err
	}
	if len(held) > 0 {
		return tx.inviteAgain(rep, kind, p, held, role)
	}
	taken, err := tx.Rows.Audit().Count(By(Where{"chain": accountID, "action": "revoke-person", "subject": person.ID, "outcome": "done"}))
	if err != nil {
		return err
	}
	if taken > 0 {
		rep.known(kind, p.Subject, accountID, differences{{Field: "role", From: roleTaken, To: string(role)}}, "")
	} else {
		rep.added(kind, p.Subject, accountID)
	}
	grant := domain.Grant{ID: domain.NewID("grt"), PersonID: person.ID, AccountID: accountID, Role: role, GrantedAt: tx.At(), GrantedBy: tx.Caller.ID}
	if err := tx.Grants().Insert(&grant); err != nil {
		return err
	}
	return tx.Done(accountID, "invite-person", "person", person.ID, map[string]string{"role": string(role)})
}

// inviteAgain leaves somebody who has a role, or had several from before there was
// one alone, with the highest of them and the inventory's.
func (tx *Tx) inviteAgain(rep *InventoryReport, kind string, p InventoryPerson, held []domain.Grant, role domain.Role) error {
	has := held[0]
	for _, g := range held[1:] {
		if g.Role.Includes(has.Role) {
			has = g
		}
	}
	switch {
	case has.Role == role:
		rep.known(kind, p.Subject, has.AccountID, nil, "")
	case has.Role.Includes(role):
		rep.known(kind, p.Subject, has.AccountID, nil, fmt.Sprintf("has the role %s already, which includes %s, and keeps it", has.Role, role))
		role = has.Role
	default:
		rep.known(kind, p.Subject, has.AccountID, differences{{Field: "role", From: string(has.Role), To: string(role)}}, "")
	}
	person, err := tx.Rows.People().Get(has.PersonID)
	if err != nil {
		return err
	}
	_, err = tx.give(person, has.AccountID, role, tx.Caller.ID, "invite-person")
	return err
}
