package service

import (
	"context"

	"consentry/internal/domain"
)

// PersonFor gives the caller behind a verified identity: an invited person with
// at least one role. E-mail addresses are never looked at, because whoever
// administers a tenant can give anybody any address.
func (s *Service) PersonFor(ctx context.Context, issuer, subject string) (caller domain.Caller, err error) {
	err = s.Read(ctx, domain.Anonymous(), func(tx *Tx) error {
		caller, err = tx.personFor(issuer, subject)
		return err
	})
	return caller, err
}

func (t *Tx) personFor(issuer, subject string) (domain.Caller, error) {
	uninvited := domain.Refuse(domain.Forbidden, "not-invited",
		"You signed in, but you are not invited here. Ask an administrator of your organization's account, or us, to invite you; an e-mail address alone opens nothing.")
	person, err := t.People().Find(By(Where{"issuer": issuer, "subject": subject}))
	if domain.IsNotFound(err) {
		return domain.Caller{}, uninvited
	}
	if err != nil {
		return domain.Caller{}, err
	}
	caller, err := callerOf(t.Rows, person)
	if err == nil && len(caller.Grants) == 0 {
		return domain.Caller{}, uninvited
	}
	return caller, err
}

func callerOf(rows Rows, person domain.Person) (domain.Caller, error) {
	grants, err := rows.Grants().List(Query{Where: Where{"person_id": person.ID}, Order: []string{"account_id", "id"}})
	return domain.Caller{Kind: domain.CallerPerson, ID: person.ID, Name: person.Name, Grants: grants}, err
}
