package server

import (
	"context"
	"encoding/pem"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// Certificate is what may be known of a credential.
type Certificate struct {
	ID          string                 `json:"id"`
	State       domain.CredentialState `json:"state"`
	Thumbprint  string                 `json:"thumbprint" doc:"SHA-256, hex."`
	SHA1        string                 `json:"sha1" doc:"What Microsoft's portal shows."`
	PEM         string                 `json:"pem,omitempty" doc:"While it waits to be added to the registration by a person."`
	Proofs      int                    `json:"proofs" doc:"Tokens in a row that Microsoft gave for it, until it is verified."`
	LastProofAt domain.Instant         `json:"lastProofAt" doc:"When a token was last asked for with it."`
	ProofCode   string                 `json:"proofCode,omitempty" doc:"Why the last token was refused, as a word: key_unknown, tenant_missing, app_missing, …"`
	ProofText   string                 `json:"proofText,omitempty" doc:"The same as a sentence."`
	KeyID       string                 `json:"keyId,omitempty"`
	NotBefore   domain.Instant         `json:"notBefore"`
	NotAfter    domain.Instant         `json:"notAfter"`
	PublishedAt domain.Instant         `json:"publishedAt"`
	ActivatedAt domain.Instant         `json:"activatedAt"`
	RetiredAt   domain.Instant         `json:"retiredAt"`
}

func certificateOf(c domain.Credential) Certificate {
	waits := ""
	if c.State == domain.CredentialPrepared && len(c.CertificateDER) > 0 {
		waits = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.CertificateDER}))
	}
	return Certificate{
		PEM: waits, Proofs: c.Proofs, LastProofAt: c.LastProofAt, ProofCode: c.ProofCode, ProofText: c.ProofText,
		ID: c.ID, State: c.State, Thumbprint: c.Thumbprint, SHA1: c.SHA1, KeyID: c.KeyID, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		PublishedAt: c.PublishedAt, ActivatedAt: c.ActivatedAt, RetiredAt: c.RetiredAt,
	}
}

// Cell is one of the vendor's own app registrations.
type Cell struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Cloud        string         `json:"cloud"`
	Region       string         `json:"region"`
	ClientID     string         `json:"clientId"`
	ObjectID     string         `json:"applicationObjectId" doc:"Of the registration, not of its enterprise application."`
	HomeTenantID string         `json:"homeTenantId"`
	RedirectURIs []string       `json:"redirectUris" nullable:"false" doc:"What the registration has to have as redirect URIs, to the letter."`
	Certificates []Certificate  `json:"certificates" nullable:"false" doc:"The latest first."`
	CreatedAt    domain.Instant `json:"createdAt"`
}

// consentCallback is where Microsoft sends an administrator back to.
func (s *server) consentCallback() string {
	return strings.TrimSuffix(s.PublicURL.String(), "/") + "/consent/callback"
}

func (s *server) cellOf(r service.CellRead) Cell {
	c := Cell{
		ID: r.Cell.ID, Name: r.Cell.Name, Cloud: r.Cell.Cloud, Region: r.Cell.Region, ClientID: r.Cell.ClientID, ObjectID: r.Cell.ApplicationObjectID, HomeTenantID: r.Cell.HomeTenantID,
		RedirectURIs: []string{s.consentCallback()}, Certificates: []Certificate{}, CreatedAt: r.Cell.CreatedAt,
	}
	for _, one := range r.Credentials {
		c.Certificates = append(c.Certificates, certificateOf(one))
	}
	return c
}

// CellAsked is an app registration of the vendor that is to be known.
type CellAsked struct {
	ID                  string `json:"id" doc:"2 to 63 lower-case letters, digits, - or _."`
	Name                string `json:"name" doc:"At most 256 bytes."`
	Region              string `json:"region" doc:"New connectors of this region get it."`
	Cloud               string `json:"cloud"`
	ClientID            string `json:"clientId" doc:"A GUID."`
	ApplicationObjectID string `json:"applicationObjectId" doc:"A GUID, of the registration, not of its enterprise application."`
	HomeTenantID        string `json:"homeTenantId" doc:"A GUID."`
}

func (s *server) cellRoutes(api huma.API) {
	add(s, api, op{method: http.MethodGet, path: prefix + "/cells", id: "list-cells", tag: "cells", summary: "The vendor's app registrations (operators)"},
		func(ctx context.Context, in *Paging) (*list[Cell], error) {
			rows, err := s.Service.Cells(ctx, CallerFrom(ctx), in.page())
			return listOf(rows, s.cellOf), err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/cells/{id}", id: "get-cell", tag: "cells", summary: "One app registration with its certificates (operators)"},
		func(ctx context.Context, in *ByID) (*one[Cell], error) {
			r, err := s.Service.Cell(ctx, CallerFrom(ctx), in.ID)
			return &one[Cell]{s.cellOf(r)}, err
		})
	type addIn struct{ Body CellAsked }
	add(s, api, op{method: http.MethodPost, path: prefix + "/cells", id: "add-cell", tag: "cells", summary: "Make an app registration known; a worker makes its first certificate, which a person adds (operators)", status: http.StatusAccepted},
		func(ctx context.Context, in *addIn) (*one[Cell], error) {
			b := in.Body
			c, err := s.Service.AddCell(ctx, CallerFrom(ctx), domain.Cell{
				ID: b.ID, Name: b.Name, Region: b.Region, Cloud: b.Cloud, ClientID: b.ClientID, ApplicationObjectID: b.ApplicationObjectID, HomeTenantID: b.HomeTenantID,
			})
			return &one[Cell]{s.cellOf(service.CellRead{Cell: c})}, err
		})
	add(s, api, op{method: http.MethodPost, path: prefix + "/cells/{id}/verifications", id: "verify-cell", tag: "cells", summary: "Have a token asked for now with the certificate that a person added (operators)", status: http.StatusAccepted},
		func(ctx context.Context, in *ByID) (*one[Cell], error) {
			if err := s.Service.VerifyCell(ctx, CallerFrom(ctx), in.ID); err != nil {
				return nil, err
			}
			r, err := s.Service.Cell(ctx, CallerFrom(ctx), in.ID)
			return &one[Cell]{s.cellOf(r)}, err
		})
	add(s, api, op{method: http.MethodPost, path: prefix + "/cells/{id}/rotations", id: "rotate-now", tag: "cells", summary: "Replace the certificate now, outside the schedule (operators)", status: http.StatusAccepted},
		func(ctx context.Context, in *ByID) (*one[Cell], error) {
			c, err := s.Service.RotateNow(ctx, CallerFrom(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			r, err := s.Service.Cell(ctx, CallerFrom(ctx), c.ID)
			return &one[Cell]{s.cellOf(r)}, err
		})
	s.cellCorrections(api)
}

// CellCorrection says what a cell should have been added with.
type CellCorrection struct {
	Name                *string `json:"name,omitempty" doc:"At most 256 bytes; may change at any time."`
	Region              *string `json:"region,omitempty" doc:"This and the ids: only while no certificate is verified and nobody was asked to consent."`
	ClientID            *string `json:"clientId,omitempty" doc:"A GUID."`
	ApplicationObjectID *string `json:"applicationObjectId,omitempty" doc:"A GUID, of the registration, not of its enterprise application."`
	HomeTenantID        *string `json:"homeTenantId,omitempty" doc:"A GUID."`
}

func (s *server) cellCorrections(api huma.API) {
	type keyedID struct {
		ByID
		Key string `header:"Idempotency-Key" maxLength:"200" doc:"A repeat with the same key answers alike and changes nothing."`
	}
	type changeIn struct {
		ByID
		Key  string `header:"Idempotency-Key" maxLength:"200" doc:"A repeat with the same key answers alike and changes nothing."`
		Body CellCorrection
	}
	add(s, api, op{method: http.MethodPatch, path: prefix + "/cells/{id}", id: "change-cell", tag: "cells", summary: "Correct what a cell was added with: its name, and before it is proven and used which registration it is (operators)"},
		func(ctx context.Context, in *changeIn) (*one[Cell], error) {
			c, err := s.Service.ChangeCell(ctx, CallerFrom(ctx), in.Key, in.ID, service.CellChange(in.Body))
			if err != nil {
				return nil, err
			}
			r, err := s.Service.Cell(ctx, CallerFrom(ctx), c.ID)
			return &one[Cell]{s.cellOf(r)}, err
		})
	add(s, api, op{method: http.MethodDelete, path: prefix + "/cells/{id}", id: "remove-cell", tag: "cells", summary: "Forget a cell that was never proven and never used; its private keys are destroyed, and the answer is the receipt (operators)"},
		func(ctx context.Context, in *keyedID) (*one[service.CellRemoved], error) {
			r, err := s.Service.RemoveCell(ctx, CallerFrom(ctx), in.Key, in.ID)
			return &one[service.CellRemoved]{r}, err
		})
}
