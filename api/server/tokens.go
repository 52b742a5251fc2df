package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// Token lets a machine call the API. Its value is told once, when it is issued.
type Token struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	AccountID  string         `json:"accountId,omitempty" doc:"Absent: an operator's token."`
	Role       domain.Role    `json:"role" enum:"view,migrate,approve,operator"`
	CreatedBy  string         `json:"createdBy" doc:"Id of the person or token that issued it."`
	ByName     string         `json:"createdByName,omitempty" doc:"In the list; absent when it is not known any more."`
	CreatedAt  domain.Instant `json:"createdAt"`
	ExpiresAt  domain.Instant `json:"expiresAt"`
	LastUsedAt domain.Instant `json:"lastUsedAt" doc:"To the hour."`
	RevokedAt  domain.Instant `json:"revokedAt"`
}

func tokenOf(t domain.Token) Token {
	return Token{
		ID: t.ID, Name: t.Name, AccountID: t.AccountID, Role: t.Role, CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
		LastUsedAt: t.LastUsedAt, RevokedAt: t.RevokedAt,
	}
}

// TokenIssued is a new token with its value.
type TokenIssued struct {
	Token
	Value string `json:"value" doc:"Shown in this answer only. Send it as Authorization: Bearer."`
}

// TokenAsked says what token is wanted.
type TokenAsked struct {
	Name      string         `json:"name" doc:"What it is for, at most 256 bytes; unique among the owner's tokens that work."`
	AccountID string         `json:"accountId,omitempty" maxLength:"100" doc:"Absent: an operator's token."`
	Role      domain.Role    `json:"role" enum:"view,migrate,approve,operator"`
	ExpiresAt domain.Instant `json:"expiresAt,omitzero" doc:"Within 366 days; absent: 90 days, or when the token that issues it ends, if that is sooner."`
}

func (s *server) tokenRoutes(api huma.API) {
	type listIn struct {
		Paging
		AccountID string `query:"accountId" maxLength:"100"`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/tokens", id: "list-tokens", tag: "access", summary: "Bearer tokens of machines, without their values"},
		func(ctx context.Context, in *listIn) (*list[Token], error) {
			rows, err := s.Service.Tokens(ctx, CallerFrom(ctx), in.AccountID, in.page())
			if err != nil {
				return nil, err
			}
			var ids []string
			for _, t := range rows.Items {
				ids = append(ids, t.CreatedBy)
			}
			names, err := s.Service.NamesOf(ctx, CallerFrom(ctx), ids...)
			return listOf(rows, func(t domain.Token) Token {
				out := tokenOf(t)
				out.ByName = names[t.CreatedBy]
				return out
			}), err
		})
	type issueIn struct{ Body TokenAsked }
	add(s, api, op{method: http.MethodPost, path: prefix + "/tokens", id: "issue-token", tag: "access", summary: "Issue a bearer token with one role, at most your own; the answer is the only copy of its value", status: http.StatusCreated},
		func(ctx context.Context, in *issueIn) (*one[TokenIssued], error) {
			issued, err := s.Service.IssueToken(ctx, CallerFrom(ctx), service.TokenOrder{
				Name: in.Body.Name, AccountID: in.Body.AccountID, Role: in.Body.Role, ExpiresAt: in.Body.ExpiresAt,
			})
			return &one[TokenIssued]{TokenIssued{Token: tokenOf(issued.Token), Value: issued.Value}}, err
		})
	add(s, api, op{method: http.MethodDelete, path: prefix + "/tokens/{id}", id: "revoke-token", tag: "access", summary: "End a token at once, with every token that was issued with it"},
		func(ctx context.Context, in *ByID) (*one[Token], error) {
			t, err := s.Service.RevokeToken(ctx, CallerFrom(ctx), in.ID)
			return &one[Token]{tokenOf(t)}, err
		})
}
