package service

import (
	"context"
	"time"

	"go.uber.org/zap"

	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/logkey"
)

// usedEvery is how coarsely the last use of a token is kept: finding what nobody
// uses does not need a write with every request.
const usedEvery = time.Hour

// TokenRefused is the code of a bearer token that opens nothing.
const TokenRefused = "token-refused"

// A value that is no token of ours, or none any more that we know of.
const (
	unknownToken     = "unknown"
	unknownTokenText = "The bearer token is not one that works here. Check that it is complete, or issue a new one."
)

// CallerOfToken gives the machine behind a bearer token, with the token's role
// as it is now. A value that opens nothing is refused and audited.
func (s *Service) CallerOfToken(ctx context.Context, value string) (domain.Caller, error) {
	if !domain.IsBearer(value) {
		return domain.Caller{}, s.refuseToken(ctx, unknownToken, unknownTokenText)
	}
	var token domain.Token
	err := s.store.Read(ctx, func(rows Rows) (err error) {
		token, err = rows.Tokens().Find(By(Where{"digest": consent.Hash(value)}))
		return err
	})
	now := domain.At(s.now())
	switch {
	case domain.IsNotFound(err):
		return domain.Caller{}, s.refuseToken(ctx, unknownToken, unknownTokenText)
	case err != nil:
		return domain.Caller{}, err
	case !token.RevokedAt.IsZero():
		return domain.Caller{}, s.refuseToken(ctx, token.ID, "The bearer token was revoked. Issue a new one.")
	case !token.Works(now):
		return domain.Caller{}, s.refuseToken(ctx, token.ID, "The bearer token ended on "+token.ExpiresAt.Format("2 January 2006 15:04 UTC")+". Issue a new one.")
	}
	if now.Sub(token.LastUsedAt.Time) >= usedEvery {
		s.noteUse(ctx, token.ID)
	}
	return domain.Caller{
		Kind: domain.CallerMachine, ID: token.ID, Name: token.Name,
		Grants: []domain.Grant{{ID: token.ID, PersonID: token.ID, AccountID: token.AccountID, Role: token.Role}},
	}, nil
}

// noteUse keeps when a token was last used. A request does not fail because it
// could not be noted.
func (s *Service) noteUse(ctx context.Context, id string) {
	err := s.store.Write(context.WithoutCancel(ctx), func(rows Rows) error {
		token, err := rows.Tokens().Get(id)
		if err != nil {
			return err
		}
		token.LastUsedAt = domain.At(s.now())
		return rows.Tokens().Update(&token)
	})
	if err != nil {
		s.logFor(ctx).Warn("the use of a token could not be noted", zap.String(logkey.Token, id), zap.Error(err))
	}
}

// refuseToken audits within the allowance of strangers: the values that somebody
// tries must not fill the database.
func (s *Service) refuseToken(ctx context.Context, subject, sentence string) error {
	refusal := &domain.Error{Kind: domain.Forbidden, Code: TokenRefused, Message: sentence}
	s.auditRefusal(ctx, domain.Anonymous(), "use-token", subject, refusal)
	return refusal
}
