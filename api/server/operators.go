package server

import (
	"context"
	"encoding/pem"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// Campaign is a cohort of migrations with its dates.
type Campaign struct {
	ID        string               `json:"id"`
	Name      string               `json:"name"`
	Region    string               `json:"region"`
	Product   string               `json:"product"`
	Version   int64                `json:"version" doc:"Grows with every change of the terms."`
	Terms     domain.CampaignTerms `json:"terms"`
	Paused    bool                 `json:"paused"`
	StartedAt domain.Instant       `json:"startedAt"`
	CreatedAt domain.Instant       `json:"createdAt"`
	UpdatedAt domain.Instant       `json:"updatedAt"`
}

func campaignOf(c domain.Campaign) Campaign {
	c.Terms.Reminders = append([]domain.Duration{}, c.Terms.Reminders...)
	return Campaign{
		ID: c.ID, Name: c.Name, Region: c.Region, Product: c.Product, Version: c.Version, Terms: c.Terms, Paused: c.Paused,
		StartedAt: c.StartedAt, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
}

// CampaignDetail is a campaign with how far its migrations are.
type CampaignDetail struct {
	Campaign
	Phases  map[domain.Phase]int `json:"phases" doc:"Migrations by phase."`
	Overdue int                  `json:"overdue"`
}

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
	HomeTenantID string         `json:"homeTenantId"`
	Certificates []Certificate  `json:"certificates" nullable:"false" doc:"The latest first."`
	CreatedAt    domain.Instant `json:"createdAt"`
}

func cellOf(r service.CellRead) Cell {
	c := Cell{
		ID: r.Cell.ID, Name: r.Cell.Name, Cloud: r.Cell.Cloud, Region: r.Cell.Region, ClientID: r.Cell.ClientID, HomeTenantID: r.Cell.HomeTenantID,
		Certificates: []Certificate{}, CreatedAt: r.Cell.CreatedAt,
	}
	for _, one := range r.Credentials {
		c.Certificates = append(c.Certificates, certificateOf(one))
	}
	return c
}

// InventoryTaken says what an import did, per row.
type InventoryTaken struct {
	service.InventoryReport
	Rows []service.InventoryRow `json:"rows" nullable:"false" doc:"In the order of the inventory; none of an import that was a repeat."`
}

// inventoryBody bounds an inventory: some ten thousand accounts.
const inventoryBody = 32 << 20

const inventoryPath = prefix + "/inventory"

func (s *server) inventoryRoutes(api huma.API) {
	type in struct {
		Key    string `header:"Idempotency-Key" maxLength:"200" doc:"A repeat with the same key answers alike and changes nothing."`
		Change bool   `query:"change" doc:"Also where it moves an account to another region, or empties what is filled. Refused without."`
		DryRun bool   `query:"dryRun" doc:"Say what would be done, and do nothing."`
		Body   service.Inventory
	}
	add(s, api, op{method: http.MethodPost, path: inventoryPath, id: "import-inventory", tag: "inventory", summary: "Take in accounts, people, integrations and campaigns, whole or not at all (operators)", body: inventoryBody},
		func(ctx context.Context, in *in) (*one[InventoryTaken], error) {
			report, err := s.Service.ImportInventoryWith(ctx, CallerFrom(ctx), in.Key, in.Body, service.ImportOptions{Change: in.Change, DryRun: in.DryRun})
			return &one[InventoryTaken]{InventoryTaken{InventoryReport: report, Rows: append([]service.InventoryRow{}, report.Rows()...)}}, err
		})
}

func (s *server) campaignRoutes(api huma.API) {
	add(s, api, op{method: http.MethodGet, path: prefix + "/campaigns", id: "list-campaigns", tag: "campaigns", summary: "Campaigns (operators)"},
		func(ctx context.Context, in *Paging) (*list[Campaign], error) {
			rows, err := s.Service.Campaigns(ctx, CallerFrom(ctx), in.page())
			return listOf(rows, campaignOf), err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/campaigns/{id}", id: "get-campaign", tag: "campaigns", summary: "One campaign with its progress (operators)"},
		func(ctx context.Context, in *ByID) (*one[CampaignDetail], error) {
			r, err := s.Service.Campaign(ctx, CallerFrom(ctx), in.ID)
			return &one[CampaignDetail]{CampaignDetail{Campaign: campaignOf(r.Campaign), Phases: r.Phases, Overdue: r.Overdue}}, err
		})
	type waitingIn struct {
		ByID
		Limit int `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Most items; total says how many there are."`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/campaigns/{id}/waiting", id: "list-waiting", tag: "campaigns", summary: "Migrations that wait for a person, the most urgent first (operators)"},
		func(ctx context.Context, in *waitingIn) (*one[WaitingMigrations], error) {
			w, err := s.Service.CampaignWaiting(ctx, CallerFrom(ctx), in.ID, in.Limit)
			return &one[WaitingMigrations]{waitingOf(w)}, err
		})
	type changeIn struct {
		ByID
		Body struct {
			Version int64                `json:"version" doc:"The version these terms were made from; 409 when it changed meanwhile."`
			Terms   domain.CampaignTerms `json:"terms"`
			Paused  bool                 `json:"paused,omitempty"`
		}
	}
	add(s, api, op{method: http.MethodPut, path: prefix + "/campaigns/{id}", id: "change-campaign", tag: "campaigns", summary: "Change dates, durations, kill-switch or pause (operators)"},
		func(ctx context.Context, in *changeIn) (*one[Campaign], error) {
			c, err := s.Service.ChangeCampaign(ctx, CallerFrom(ctx), in.ID, service.CampaignChange{Version: in.Body.Version, Terms: in.Body.Terms, Paused: in.Body.Paused})
			return &one[Campaign]{campaignOf(c)}, err
		})
	add(s, api, op{method: http.MethodPost, path: prefix + "/campaigns/{id}/start", id: "start-campaign", tag: "campaigns", summary: "Open a migration for each legacy integration (operators); again: only where none is open"},
		func(ctx context.Context, in *ByID) (*one[service.CampaignStart], error) {
			started, err := s.Service.StartCampaign(ctx, CallerFrom(ctx), in.ID)
			return &one[service.CampaignStart]{started}, err
		})
}

// CellAsked is an app registration of the vendor that is to be known.
type CellAsked struct {
	ID                  string `json:"id" maxLength:"63"`
	Name                string `json:"name" maxLength:"256"`
	Region              string `json:"region" maxLength:"63" doc:"New connectors of this region get it."`
	Cloud               string `json:"cloud" maxLength:"63"`
	ClientID            string `json:"clientId" maxLength:"36"`
	ApplicationObjectID string `json:"applicationObjectId" maxLength:"36" doc:"Of the registration, not of its enterprise application."`
	HomeTenantID        string `json:"homeTenantId" maxLength:"36"`
}

func (s *server) cellRoutes(api huma.API) {
	add(s, api, op{method: http.MethodGet, path: prefix + "/cells", id: "list-cells", tag: "cells", summary: "The vendor's app registrations (operators)"},
		func(ctx context.Context, in *Paging) (*list[Cell], error) {
			rows, err := s.Service.Cells(ctx, CallerFrom(ctx), in.page())
			return listOf(rows, cellOf), err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/cells/{id}", id: "get-cell", tag: "cells", summary: "One app registration with its certificates (operators)"},
		func(ctx context.Context, in *ByID) (*one[Cell], error) {
			r, err := s.Service.Cell(ctx, CallerFrom(ctx), in.ID)
			return &one[Cell]{cellOf(r)}, err
		})
	type addIn struct{ Body CellAsked }
	add(s, api, op{method: http.MethodPost, path: prefix + "/cells", id: "add-cell", tag: "cells", summary: "Make an app registration known; a worker makes its first certificate, which a person adds (operators)", status: http.StatusAccepted},
		func(ctx context.Context, in *addIn) (*one[Cell], error) {
			b := in.Body
			c, err := s.Service.AddCell(ctx, CallerFrom(ctx), domain.Cell{
				ID: b.ID, Name: b.Name, Region: b.Region, Cloud: b.Cloud, ClientID: b.ClientID, ApplicationObjectID: b.ApplicationObjectID, HomeTenantID: b.HomeTenantID,
			})
			return &one[Cell]{cellOf(service.CellRead{Cell: c})}, err
		})
	add(s, api, op{method: http.MethodPost, path: prefix + "/cells/{id}/verifications", id: "verify-cell", tag: "cells", summary: "Have a token asked for now with the certificate that a person added (operators)", status: http.StatusAccepted},
		func(ctx context.Context, in *ByID) (*one[Cell], error) {
			if err := s.Service.VerifyCell(ctx, CallerFrom(ctx), in.ID); err != nil {
				return nil, err
			}
			r, err := s.Service.Cell(ctx, CallerFrom(ctx), in.ID)
			return &one[Cell]{cellOf(r)}, err
		})
	add(s, api, op{method: http.MethodPost, path: prefix + "/cells/{id}/rotations", id: "rotate-now", tag: "cells", summary: "Replace the certificate now, outside the schedule (operators)", status: http.StatusAccepted},
		func(ctx context.Context, in *ByID) (*one[Cell], error) {
			c, err := s.Service.RotateNow(ctx, CallerFrom(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			r, err := s.Service.Cell(ctx, CallerFrom(ctx), c.ID)
			return &one[Cell]{cellOf(r)}, err
		})
}
