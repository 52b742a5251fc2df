package service

import (
	"context"
	"time"

	"consentry/internal/domain"
)

// bootstrapFor is how long the first token works: long enough to invite the
// first operator, too short to be kept.
const bootstrapFor = time.Hour

// FirstOperator makes an identity the vendor's first operator. It is for whoever
// holds the database, before anybody can sign in; anew says that there are
// operators and none of them can sign in any more.
func (s *Service) FirstOperator(ctx context.Context, order PersonOrder, anew bool) (Access, error) {
	caller := domain.System("bootstrap")
	if err := s.beforeOperators(ctx, caller, anew); err != nil {
		return Access{}, err
	}
	order.AccountID, order.Role = "", domain.RoleOperator
	return s.InvitePerson(ctx, caller, order)
}

// FirstToken issues an operator's token that works for an hour, under the rule
// of FirstOperator.
func (s *Service) FirstToken(ctx context.Context, anew bool) (IssuedToken, error) {
	caller := domain.System("bootstrap")
	if err := s.beforeOperators(ctx, caller, anew); err != nil {
		return IssuedToken{}, err
	}
	now := s.now()
	return s.IssueToken(ctx, caller, TokenOrder{Name: "bootstrap " + now.UTC().Format(time.RFC3339Nano), Role: domain.RoleOperator, ExpiresAt: domain.At(now.Add(bootstrapFor))})
}

func (s *Service) beforeOperators(ctx context.Context, caller domain.Caller, anew bool) error {
	_, err := Do(ctx, s, caller, "", "bootstrap", "vendor", func(tx *Tx) (struct{}, error) {
		n, err := tx.Rows.Grants().Count(By(Where{"account_id": "", "role": string(domain.RoleOperator)}))
		if err == nil && n > 0 && !anew {
			return struct{}{}, domain.Refuse(domain.Conflict, "operators-there", "There are operators already; one of them can invite others. If none of them can sign in any more, say --recover.")
		}
		return struct{}{}, err
	})
	return err
}
