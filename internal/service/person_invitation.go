package service

import (
	"context"
	"strings"
	"time"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

// How long a link of an invitation works when nobody says, and at most.
const (
	InvitationLifetime    = 72 * time.Hour
	InvitationLifetimeMax = 14 * 24 * time.Hour
)

// InvitationOrder invites somebody whose identity is not known yet.
type InvitationOrder struct {
	Name      string // what the person is called here
	AccountID string // "": as an operator
	Role      domain.Role
	ExpiresAt domain.Instant // zero: InvitationLifetime from now
}

// Invited is a new invitation with the value of its link, of which this is the
// only copy.
type Invited struct {
	Invitation domain.Invitation
	Value      string
}

// Invite makes a link that gives a role to whoever redeems it first: single-use,
// short-lived, and bound from then on to the identity that signed in. Whoever
// has the link has the role, so it is for one person's hands.
func (s *Service) Invite(ctx context.Context, caller domain.Caller, order InvitationOrder) (Invited, error) {
	value := domain.NewToken()
	i, err := Do(ctx, s, caller, "", "invite", subjectOf(order.AccountID), func(tx *Tx) (domain.Invitation, error) {
		order.Name = strings.TrimSpace(order.Name)
		ends, late := tx.invitationEnd(order.ExpiresAt)
		if err := domain.Mistakes(tx.mayManage(order.AccountID, order.Role), text("name", order.Name), late); err != nil {
			return domain.Invitation{}, err
		}
		i := domain.Invitation{
			ID: domain.NewID("inv"), Digest: consent.Hash(value), Name: order.Name, AccountID: order.AccountID, Role: order.Role,
			InvitedBy: caller.ID, CreatedAt: tx.At(), ExpiresAt: ends,
		}
		if err := tx.Rows.Invitations().Insert(&i); err != nil {
			return i, err
		}
		return i, tx.Done(i.AccountID, "invite", "invitation", i.ID, map[string]string{"role": string(i.Role)})
	})
	if err != nil {
		return Invited{}, err
	}
	return Invited{Invitation: i, Value: value}, nil
}

// invitationEnd bounds how long a link works.
func (t *Tx) invitationEnd(asked domain.Instant) (domain.Instant, error) {
	switch latest := t.In(InvitationLifetimeMax); {
	case asked.IsZero():
		return t.In(InvitationLifetime), nil
	case asked.Due(t.Now):
		return asked, domain.InvalidField("expiresAt", "The invitation must end after now")
	case asked.After(latest.Time):
		return asked, domain.InvalidField("expiresAt", "The invitation must end by %s", at(latest))
	}
	return asked, nil
}

// Invitations lists invitations by link, the latest first; accountID narrows it.
func (s *Service) Invitations(ctx context.Context, caller domain.Caller, accountID string, p Page) (list List[domain.Invitation], err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		where, err := t.scope(accountID)
		if err != nil {
			return err
		}
		list, err = page(t, t.Rows.Invitations(), where, "created_at", p, func(i domain.Invitation) place { return place{i.CreatedAt, i.ID} })
		return err
	})
	return list, err
}

// WithdrawInvitation ends a link. One that was redeemed or withdrawn before is
// the answer as it is.
func (s *Service) WithdrawInvitation(ctx context.Context, caller domain.Caller, id string) (domain.Invitation, error) {
	return Do(ctx, s, caller, "", "withdraw-invitation", id, func(tx *Tx) (domain.Invitation, error) {
		i, err := tx.Rows.Invitations().Get(id)
		if err != nil || (!caller.Operator() && !caller.Has(domain.RoleView, i.AccountID)) {
			return domain.Invitation{}, notHere("invitation", err)
		}
		if err := tx.mayManage(i.AccountID, i.Role); err != nil {
			return domain.Invitation{}, err
		}
		if !i.RevokedAt.IsZero() || !i.RedeemedAt.IsZero() {
			return i, nil
		}
		if err := tx.endInvitation(i); err != nil {
			return domain.Invitation{}, err
		}
		return tx.Rows.Invitations().Get(id)
	})
}

func (t *Tx) endInvitation(i domain.Invitation) error {
	i.RevokedAt = t.At()
	if err := t.Rows.Invitations().Update(&i); err != nil {
		return err
	}
	return t.Done(i.AccountID, "withdraw-invitation", "invitation", i.ID, nil)
}

// endInvitationsOf withdraws the open links that a person or a token made, but
// those that stay.
func (t *Tx) endInvitationsOf(inviter string, stays func(domain.Invitation) bool) error {
	open, err := t.Rows.Invitations().List(By(Where{"invited_by": inviter, "revoked_at": domain.Instant{}, "redeemed_at": domain.Instant{}}))
	for _, i := range open {
		if stays(i) {
			continue
		}
		if err := t.endInvitation(i); err != nil {
			return err
		}
	}
	return err
}

// OpenInvitation says what a link offers, before anybody signed in: enough to
// decide whether to, and nothing else of the account.
func (s *Service) OpenInvitation(ctx context.Context, value string) (i domain.Invitation, account string, err error) {
	err = s.Read(ctx, domain.Anonymous(), func(t *Tx) error {
		if i, err = t.openInvitation(value); err != nil || i.AccountID == "" {
			return err
		}
		a, err := t.Accounts().Get(i.AccountID)
		account = a.Name
		return err
	})
	if err != nil {
		s.auditRefusal(ctx, domain.Anonymous(), "open-invitation", "invitation", err)
	}
	return i, account, err
}

func (t *Tx) openInvitation(value string) (domain.Invitation, error) {
	spent := domain.Refuse(domain.Gone, "invitation-spent", "This invitation was used already, has ended or was withdrawn. Nothing has changed; ask whoever sent it for another.")
	if !isToken(value) {
		return domain.Invitation{}, spent
	}
	i, err := t.Rows.Invitations().Find(By(Where{"digest": consent.Hash(value)}))
	if domain.IsNotFound(err) || (err == nil && !i.Open(t.At())) {
		return i, spent
	}
	return i, err
}

// Redeem gives an identity that has just signed in the role of a link, once. A
// role that includes it is kept. It answers which account that is; "" are the
// vendor's operations.
func (s *Service) Redeem(ctx context.Context, issuer, subject, value string) (accountID string, err error) {
	return Do(ctx, s, domain.Anonymous(), "", "redeem-invitation", "invitation", func(tx *Tx) (string, error) {
		i, err := tx.openInvitation(value)
		if err != nil {
			return "", err
		}
		person, err := tx.personOf(issuer, subject, i.Name)
		if err != nil {
			return "", err
		}
		if tx.Caller, err = callerOf(tx.Rows, person); err != nil {
			return "", err
		}
		i.RedeemedAt, i.RedeemedBy = tx.At(), person.ID
		if err := tx.Rows.Invitations().Update(&i); err != nil {
			return "", err
		}
		if err := tx.Done(i.AccountID, "redeem-invitation", "invitation", i.ID, map[string]string{"person": person.ID}); err != nil {
			return "", err
		}
		if i.AccountID != "" && tx.Caller.Has(i.Role, i.AccountID) {
			return i.AccountID, nil
		}
		_, err = tx.give(person, i.AccountID, i.Role, i.InvitedBy, "join")
		return i.AccountID, err
	})
}
