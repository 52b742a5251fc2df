package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	"consentry/internal/domain"
)

// ViewAccess is who and what may do something in an account, or as an operator
// of the vendor.
type ViewAccess struct {
	ViewShell   // zero for the vendor's own
	AsOf        time.Time
	People      []Access            // by name
	Invitations []domain.Invitation // by link, that nobody used or withdrew; the latest first
	Tokens      []domain.Token      // that nobody revoked; the latest first
	Names       map[string]string   // of who invited and issued, by id
	Managers    []string            // of the account, who may change this
	More        bool                // a list is longer than what is here
}

// accessShown bounds each list of the page; the API pages through all of them.
const accessShown = 200

// ViewAccess reads who has access to an account; "" means the vendor's own,
// which exists for operators alone.
func (s *Service) ViewAccess(ctx context.Context, caller domain.Caller, accountID string) (ViewAccess, error) {
	var v ViewAccess
	err := s.Read(ctx, caller, func(tx *Tx) (err error) {
		v.AsOf = tx.Now.UTC()
		if accountID == "" {
			err = tx.operatorsOnly("page")
		} else {
			v.ViewShell, err = tx.viewShell(accountID)
		}
		if err != nil {
			return err
		}
		grants, err := tx.Rows.Grants().List(Query{Where: Where{"account_id": accountID}, Order: []string{"-granted_at", "-id"}, Limit: accessShown + 1})
		if err != nil {
			return err
		}
		if v.People, err = tx.accessOf(firstOnes(grants, &v.More)); err != nil {
			return err
		}
		slices.SortFunc(v.People, func(a, b Access) int {
			return cmp.Or(cmp.Compare(a.Person.Name, b.Person.Name), cmp.Compare(a.Person.ID, b.Person.ID))
		})
		invitations, err := tx.Rows.Invitations().List(Query{
			Where: Where{"account_id": accountID, "redeemed_at": domain.Instant{}, "revoked_at": domain.Instant{}}, Order: []string{"-created_at", "-id"}, Limit: accessShown + 1,
		})
		if err != nil {
			return err
		}
		tokens, err := tx.Tokens().List(Query{Where: Where{"account_id": accountID, "revoked_at": domain.Instant{}}, Order: []string{"-created_at", "-id"}, Limit: accessShown + 1})
		if err != nil {
			return err
		}
		v.Invitations, v.Tokens = firstOnes(invitations, &v.More), firstOnes(tokens, &v.More)
		var givers []string
		for _, i := range v.Invitations {
			givers = append(givers, i.InvitedBy)
		}
		for _, k := range v.Tokens {
			givers = append(givers, k.CreatedBy)
		}
		if v.Names, err = tx.viewPeople(givers...); err != nil || accountID == "" {
			return err
		}
		v.Managers, err = tx.viewHolders(accountID, domain.RoleApprove)
		return err
	})
	return v, err
}

// firstOnes cuts a list at what is shown of it.
func firstOnes[T any](list []T, more *bool) []T {
	if len(list) > accessShown {
		*more = true
		return list[:accessShown]
	}
	return list
}
