package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// Access is a person's role in an account, or as an operator.
type Access struct {
	PersonID      string         `json:"personId"`
	Name          string         `json:"name"`
	Issuer        string         `json:"issuer"`
	Subject       string         `json:"subject" doc:"For Entra issuers: tenant id, a slash, object id."`
	AccountID     string         `json:"accountId,omitempty" doc:"Absent: an operator."`
	Role          domain.Role    `json:"role" enum:"view,migrate,approve,operator"`
	GrantedAt     domain.Instant `json:"grantedAt" doc:"null: with an inventory of before this was kept."`
	GrantedBy     string         `json:"grantedBy,omitempty"`
	GrantedByName string         `json:"grantedByName,omitempty" doc:"Absent when nobody of that id is known any more, or a part of the product gave it."`
	SignedInAt    domain.Instant `json:"signedInAt" doc:"Last, to the console; null: never."`
}

func accessOf(a service.Access) Access {
	return Access{
		PersonID: a.Person.ID, Name: a.Person.Name, Issuer: a.Person.Issuer, Subject: a.Person.Subject,
		AccountID: a.Grant.AccountID, Role: a.Grant.Role, GrantedAt: a.Grant.GrantedAt, GrantedBy: a.Grant.GrantedBy,
		GrantedByName: a.GrantedBy, SignedInAt: a.Person.SignedInAt,
	}
}

// Invitation is a role that waits for whoever redeems its link.
type Invitation struct {
	ID         string         `json:"id"`
	Name       string         `json:"name" doc:"What the person will be called here."`
	AccountID  string         `json:"accountId,omitempty" doc:"Absent: as an operator."`
	Role       domain.Role    `json:"role" enum:"view,migrate,approve,operator"`
	InvitedBy  string         `json:"invitedBy"`
	ByName     string         `json:"invitedByName,omitempty" doc:"Absent when it is not known any more."`
	CreatedAt  domain.Instant `json:"createdAt"`
	ExpiresAt  domain.Instant `json:"expiresAt"`
	RedeemedAt domain.Instant `json:"redeemedAt"`
	RedeemedBy string         `json:"redeemedBy,omitempty"`
	Redeemer   string         `json:"redeemedByName,omitempty"`
	RevokedAt  domain.Instant `json:"revokedAt"`
}

func invitationOf(i domain.Invitation) Invitation {
	return Invitation{
		ID: i.ID, Name: i.Name, AccountID: i.AccountID, Role: i.Role, InvitedBy: i.InvitedBy, CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt,
		RedeemedAt: i.RedeemedAt, RedeemedBy: i.RedeemedBy, RevokedAt: i.RevokedAt,
	}
}

// Invited is a new invitation with its link.
type Invited struct {
	Invitation
	Link string `json:"link" doc:"Shown in this answer only. Whoever opens it first and signs in has the role."`
}

// RoleAsked is a role in an account.
type RoleAsked struct {
	AccountID string      `json:"accountId,omitempty" maxLength:"100" doc:"Absent: as an operator."`
	Role      domain.Role `json:"role" enum:"view,migrate,approve,operator"`
}

// PersonAsked invites an identity.
type PersonAsked struct {
	RoleAsked
	Issuer  string `json:"issuer" doc:"Of the console's identity provider."`
	Subject string `json:"subject" doc:"For Entra issuers: tenant id, a slash, object id."`
	Name    string `json:"name" doc:"What the person is called here; at most 256 bytes."`
}

// InvitationAsked invites whoever redeems a link.
type InvitationAsked struct {
	RoleAsked
	Name      string         `json:"name" doc:"What the person will be called here."`
	ExpiresAt domain.Instant `json:"expiresAt,omitzero" doc:"Within 14 days; 72 hours when absent."`
}

func (s *server) peopleRoutes(api huma.API) {
	type listIn struct {
		Paging
		AccountID string `query:"accountId" maxLength:"100"`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/people", id: "list-people", tag: "access", summary: "Who holds which role"},
		func(ctx context.Context, in *listIn) (*list[Access], error) {
			rows, err := s.Service.People(ctx, CallerFrom(ctx), in.AccountID, in.page())
			return listOf(rows, accessOf), err
		})
	type inviteIn struct{ Body PersonAsked }
	add(s, api, op{method: http.MethodPost, path: prefix + "/people", id: "invite-person", tag: "access", summary: "Give an identity a role; the role it has in the account is replaced", status: http.StatusCreated},
		func(ctx context.Context, in *inviteIn) (*one[Access], error) {
			a, err := s.Service.InvitePerson(ctx, CallerFrom(ctx), service.PersonOrder{
				Issuer: in.Body.Issuer, Subject: in.Body.Subject, Name: in.Body.Name, AccountID: in.Body.AccountID, Role: in.Body.Role,
			})
			return &one[Access]{accessOf(a)}, err
		})
	type roleIn struct {
		ByID
		Body RoleAsked
	}
	add(s, api, op{method: http.MethodPut, path: prefix + "/people/{id}/role", id: "change-role", tag: "access", summary: "Change somebody's role in an account"},
		func(ctx context.Context, in *roleIn) (*one[Access], error) {
			a, err := s.Service.ChangeRole(ctx, CallerFrom(ctx), in.ID, in.Body.AccountID, in.Body.Role)
			return &one[Access]{accessOf(a)}, err
		})
	type revokeIn struct {
		ByID
		AccountID string `query:"accountId" maxLength:"100" doc:"Absent: the role of an operator."`
	}
	add(s, api, op{method: http.MethodDelete, path: prefix + "/people/{id}/role", id: "revoke-person", tag: "access", summary: "Take somebody's role; his sessions end at once, and the tokens that he may no longer issue", status: http.StatusNoContent},
		func(ctx context.Context, in *revokeIn) (*struct{}, error) {
			return nil, s.Service.RevokePerson(ctx, CallerFrom(ctx), in.ID, in.AccountID)
		})
	s.invitationRoutes(api)
}

func (s *server) invitationRoutes(api huma.API) {
	type listIn struct {
		Paging
		AccountID string `query:"accountId" maxLength:"100"`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/invitations", id: "list-invitations", tag: "access", summary: "Invitations by link, without their links"},
		func(ctx context.Context, in *listIn) (*list[Invitation], error) {
			rows, err := s.Service.Invitations(ctx, CallerFrom(ctx), in.AccountID, in.page())
			if err != nil {
				return nil, err
			}
			var ids []string
			for _, i := range rows.Items {
				ids = append(ids, i.InvitedBy, i.RedeemedBy)
			}
			names, err := s.Service.NamesOf(ctx, CallerFrom(ctx), ids...)
			return listOf(rows, func(i domain.Invitation) Invitation {
				out := invitationOf(i)
				out.ByName, out.Redeemer = names[i.InvitedBy], names[i.RedeemedBy]
				return out
			}), err
		})
	type inviteIn struct{ Body InvitationAsked }
	add(s, api, op{method: http.MethodPost, path: prefix + "/invitations", id: "invite", tag: "access", summary: "Invite somebody by a link that is good once", status: http.StatusCreated},
		func(ctx context.Context, in *inviteIn) (*one[Invited], error) {
			made, err := s.Service.Invite(ctx, CallerFrom(ctx), service.InvitationOrder{
				Name: in.Body.Name, AccountID: in.Body.AccountID, Role: in.Body.Role, ExpiresAt: in.Body.ExpiresAt,
			})
			return &one[Invited]{Invited{Invitation: invitationOf(made.Invitation), Link: s.PublicURL.JoinPath("auth", "invitation", made.Value).String()}}, err
		})
	add(s, api, op{method: http.MethodDelete, path: prefix + "/invitations/{id}", id: "withdraw-invitation", tag: "access", summary: "End a link that nobody used yet"},
		func(ctx context.Context, in *ByID) (*one[Invitation], error) {
			i, err := s.Service.WithdrawInvitation(ctx, CallerFrom(ctx), in.ID)
			return &one[Invitation]{invitationOf(i)}, err
		})
}
