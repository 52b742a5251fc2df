package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"consentry/internal/domain"
)

// Leaving is how long leaving takes.
type Leaving struct {
	Wait        time.Duration // from the request to the deletion
	EvidenceFor time.Duration // how long evidence of consents and the audit are kept
	Batch       int           // rows that one transaction of a deletion takes
}

func (l Leaving) orDefaults() Leaving {
	if l.Wait <= 0 {
		l.Wait = 30 * 24 * time.Hour
	}
	if l.EvidenceFor <= 0 {
		l.EvidenceFor = 2 * 365 * 24 * time.Hour
	}
	if l.Batch <= 0 {
		l.Batch = sliceOperations
	}
	return l
}

// RequestDeletion puts an account on the way to being deleted. Both sides may:
// whoever approves in the account, because it is their data, and operators,
// because the vendor has to delete when a contract ends. What keeps either from
// doing it by mistake or in malice is the waiting time, in which both see the
// date and both can withdraw it. The name has to be given as a confirmation.
// Asking again answers the same.
func (s *Service) RequestDeletion(ctx context.Context, caller domain.Caller, accountID, name string) (domain.AccountDeletion, error) {
	return Do(ctx, s, caller, "", "request-deletion", accountID, func(tx *Tx) (domain.AccountDeletion, error) {
		a, err := tx.leavingAccount(accountID)
		if err != nil {
			return domain.AccountDeletion{}, err
		}
		if strings.TrimSpace(name) != a.Name {
			return domain.AccountDeletion{}, domain.InvalidField("name", "Enter the account's name exactly as it is shown, to confirm that this is the account to delete")
		}
		d, err := optional(tx.Rows.AccountDeletions().Get(a.ID))
		if err != nil || d.State == domain.DeletionPending {
			return d, err
		}
		if err := tx.nothingInTheWay(a); err != nil {
			return d, err
		}
		again := d.ID != ""
		d = domain.AccountDeletion{
			ID: a.ID, Region: a.Region, State: domain.DeletionPending, RequestedBy: caller.ID, RequestedAt: tx.At(), DueAt: tx.In(s.leaving.Wait),
		}
		if again {
			err = tx.Rows.AccountDeletions().Update(&d)
		} else {
			err = tx.Rows.AccountDeletions().Insert(&d)
		}
		if err != nil {
			return d, err
		}
		if err := tx.Notify(leavesOn(d)); err != nil {
			return d, err
		}
		return d, tx.Done(a.ID, "request-deletion", "account", a.ID, map[string]string{"due": d.DueAt.UTC().Format(time.RFC3339)})
	})
}

// WithdrawDeletion takes a request back before its date. Asking again answers the
// same; what has begun cannot be withdrawn.
func (s *Service) WithdrawDeletion(ctx context.Context, caller domain.Caller, accountID string) (domain.AccountDeletion, error) {
	return Do(ctx, s, caller, "", "withdraw-deletion", accountID, func(tx *Tx) (domain.AccountDeletion, error) {
		if _, err := tx.leavingAccount(accountID); err != nil {
			return domain.AccountDeletion{}, err
		}
		d, err := tx.Rows.AccountDeletions().Get(accountID)
		if err != nil {
			return d, notHere("request to delete this account", err)
		}
		if d.State == domain.DeletionWithdrawn {
			return d, nil
		}
		if d.DueAt.Due(tx.Now) {
			return d, domain.Refuse(domain.Gone, "deletion-due", "The account was to be deleted on %s, and that date has come. It cannot be withdrawn any more.", noticeDate(d.DueAt.Time))
		}
		d.State, d.WithdrawnBy, d.WithdrawnAt = domain.DeletionWithdrawn, caller.ID, tx.At()
		if err := tx.Rows.AccountDeletions().Update(&d); err != nil {
			return d, err
		}
		if err := tx.Notify(stays(d)); err != nil {
			return d, err
		}
		return d, tx.Done(accountID, "withdraw-deletion", "account", accountID, nil)
	})
}

// Deletion reads how the deletion of an account stands. Once it has begun nobody
// has a role in the account any more, and only operators see the receipt.
func (s *Service) Deletion(ctx context.Context, caller domain.Caller, accountID string) (d domain.AccountDeletion, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		if !caller.Sees(accountID) {
			return domain.Missing("account")
		}
		d, err = tx.Rows.AccountDeletions().Get(accountID)
		if !domain.IsNotFound(err) {
			return err
		}
		d = domain.AccountDeletion{ID: accountID, State: domain.DeletionNone}
		if _, err = tx.Rows.Accounts().Get(accountID); err != nil {
			return notHere("account", err)
		}
		return nil
	})
	return d, err
}

// leavingAccount gives an account that the caller may send away or keep.
func (t *Tx) leavingAccount(id string) (domain.Account, error) {
	if !t.Caller.Sees(id) {
		return domain.Account{}, domain.Missing("account")
	}
	if err := t.notDeleted(id); err != nil {
		return domain.Account{}, err
	}
	a, err := t.Rows.Accounts().Get(id)
	if err != nil {
		return a, notHere("account", err)
	}
	if !t.Caller.Operator() && !t.Caller.Has(domain.RoleApprove, id) {
		return a, domain.Refuse(domain.Forbidden, "role-needed", "This needs the role %q in the account. Ask somebody who has it.", domain.RoleApprove)
	}
	return a, nil
}

// nothingInTheWay refuses while a migration is on its road to the switch, and
// names it: cancelling it takes half-begun things back in good order. One that has
// switched needs nothing of that and ends with the account.
func (t *Tx) nothingInTheWay(a domain.Account) error {
	open, err := t.Rows.Migrations().List(Query{Where: Where{"account_id": a.ID, "open": true}, Order: []string{"started_at", "id"}})
	if err != nil {
		return err
	}
	var names []string
	for _, m := range open {
		if m.Phase.Switched() {
			continue
		}
		i, err := t.Rows.Integrations().Get(m.IntegrationID)
		if err != nil {
			return err
		}
		names = append(names, i.Name)
	}
	if len(names) == 0 {
		return nil
	}
	return domain.Refuse(domain.Conflict, "migration-open", "A migration of %s is open. Cancel it or let it end first; nothing has changed.", strings.Join(names, ", "))
}

// leaves gives the date on which an account is to be deleted, zero if it stays.
func (t *Tx) leaves(accountID string) (domain.Instant, error) {
	d, err := optional(t.Rows.AccountDeletions().Get(accountID))
	if err != nil || d.State == domain.DeletionWithdrawn {
		return domain.Instant{}, err
	}
	return d.DueAt, nil
}

// notDeleted refuses the id of an account that was deleted: it is never given
// again, lest an old inventory bring back what was to be forgotten.
func (t *Tx) notDeleted(accountID string) error {
	d, err := optional(t.Rows.AccountDeletions().Get(accountID))
	if err != nil || !d.Closed() {
		return err
	}
	return domain.Refuse(domain.Gone, "account-deleted", "The account %s was deleted on %s. Its id is not used again.", accountID, noticeDate(d.BeganAt.Time))
}

func leavesOn(d domain.AccountDeletion) domain.Notice {
	return domain.Notice{
		AccountID: d.ID, Key: fmt.Sprintf("leaves/%s/%d", d.ID, d.RequestedAt.UnixMicro()), Kind: "account-leaves", Title: "This account will be deleted on " + noticeDate(d.DueAt.Time),
		Body: "Synchronization goes on until then. Then everything we hold of your directories, all settings, secrets and people of this account are deleted for good. " +
			"Until that date whoever has the role approve, or the vendor, can withdraw it.",
	}
}

func stays(d domain.AccountDeletion) domain.Notice {
	return domain.Notice{
		AccountID: d.ID, Key: fmt.Sprintf("stays/%s/%d", d.ID, d.RequestedAt.UnixMicro()), Kind: "account-stays", Title: "This account stays",
		Body: "The request to delete it was withdrawn. Nothing was deleted.",
	}
}
