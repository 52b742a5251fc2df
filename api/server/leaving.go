package server

import (
	"context"
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
)

// KeptEvidence is what stays on record of a connector for a time.
type KeptEvidence struct {
	ConnectorID   string         `json:"connectorId"`
	TenantID      string         `json:"tenantId"`
	ApplicationID string         `json:"applicationId" doc:"Our application, which only an administrator can remove from the tenant."`
	Until         domain.Instant `json:"until"`
}

// Deletion is the request to delete an account and, once it is done, the receipt.
type Deletion struct {
	AccountID     string           `json:"accountId"`
	State         string           `json:"state" enum:"none,pending,withdrawn,deleting,deleted"`
	RequestedBy   string           `json:"requestedBy"`
	RequestedName string           `json:"requestedByName,omitempty" doc:"Of the person or token; absent when it is not known any more."`
	RequestedAt   domain.Instant   `json:"requestedAt"`
	Due           domain.Instant   `json:"due" doc:"When the account is deleted; until then the request can be withdrawn."`
	WithdrawnBy   string           `json:"withdrawnBy,omitempty"`
	WithdrawnName string           `json:"withdrawnByName,omitempty"`
	WithdrawnAt   domain.Instant   `json:"withdrawnAt"`
	BeganAt       domain.Instant   `json:"beganAt" doc:"Since when the account exists for nobody."`
	FinishedAt    domain.Instant   `json:"finishedAt"`
	Deleted       map[string]int64 `json:"deleted" nullable:"false" doc:"Rows that were deleted, by kind."`
	Kept          []KeptEvidence   `json:"kept" nullable:"false" doc:"Evidence of consents: ids and dates."`
	EvidenceUntil domain.Instant   `json:"evidenceUntil" doc:"When evidence and audit of the account are deleted, too."`
	AsOf          domain.Instant   `json:"asOf"`
}

// deletionAnswer adds who asked for it and who took it back.
func (s *server) deletionAnswer(ctx context.Context, d domain.AccountDeletion, err error) (*one[Deletion], error) {
	if err != nil {
		return nil, err
	}
	out := s.deletionOf(d)
	names, err := s.Service.NamesOf(ctx, CallerFrom(ctx), d.RequestedBy, d.WithdrawnBy)
	out.RequestedName, out.WithdrawnName = names[d.RequestedBy], names[d.WithdrawnBy]
	return &one[Deletion]{out}, err
}

func (s *server) deletionOf(d domain.AccountDeletion) Deletion {
	out := Deletion{
		AccountID: d.ID, State: string(d.State), RequestedBy: d.RequestedBy, RequestedAt: d.RequestedAt, Due: d.DueAt, WithdrawnBy: d.WithdrawnBy, WithdrawnAt: d.WithdrawnAt,
		BeganAt: d.BeganAt, FinishedAt: d.FinishedAt, Deleted: map[string]int64{}, Kept: []KeptEvidence{}, EvidenceUntil: d.EvidenceUntil, AsOf: domain.At(s.Service.Now()),
	}
	maps.Copy(out.Deleted, d.Deleted)
	for _, k := range d.Kept {
		out.Kept = append(out.Kept, KeptEvidence(k))
	}
	return out
}

func (s *server) leavingRoutes(api huma.API) {
	const path = prefix + "/accounts/{id}/deletion"
	type requestIn struct {
		ByID
		Body struct {
			Name string `json:"name" maxLength:"300" doc:"The account's name, as a confirmation."`
		}
	}
	add(s, api, op{method: http.MethodPut, path: path, id: "request-deletion", tag: "accounts", summary: "Ask to delete an account with everything we hold for it after the waiting time; asking again answers the same"},
		func(ctx context.Context, in *requestIn) (*one[Deletion], error) {
			d, err := s.Service.RequestDeletion(ctx, CallerFrom(ctx), in.ID, in.Body.Name)
			return s.deletionAnswer(ctx, d, err)
		})
	add(s, api, op{method: http.MethodDelete, path: path, id: "withdraw-deletion", tag: "accounts", summary: "Withdraw the request before its date"},
		func(ctx context.Context, in *ByID) (*one[Deletion], error) {
			d, err := s.Service.WithdrawDeletion(ctx, CallerFrom(ctx), in.ID)
			return s.deletionAnswer(ctx, d, err)
		})
	add(s, api, op{method: http.MethodGet, path: path, id: "get-deletion", tag: "accounts", summary: "How the deletion of an account stands; its receipt once it is done"},
		func(ctx context.Context, in *ByID) (*one[Deletion], error) {
			d, err := s.Service.Deletion(ctx, CallerFrom(ctx), in.ID)
			return s.deletionAnswer(ctx, d, err)
		})
}
