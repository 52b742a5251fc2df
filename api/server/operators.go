package server

import (
	"context"
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

// InventoryTaken says what an import did, per row.
type InventoryTaken struct {
	service.InventoryReport
	Rows []service.InventoryRow `json:"rows" nullable:"false" doc:"In the order of the inventory; none of an import that was a repeat."`
}

// inventoryBody bounds an inventory: some ten thousand accounts.
const inventoryBody = 32 << 20

const inventoryPath = prefix + "/inventory"

func (s *server) inventoryRoutes(api huma.API) {
	schemas := api.OpenAPI().Components.Schemas
	type in struct {
		Key    string `header:"Idempotency-Key" maxLength:"200" doc:"A repeat with the same key answers alike and changes nothing."`
		Change bool   `query:"change" doc:"Also where it moves an account to another region, or empties what is filled. Refused without."`
		DryRun bool   `query:"dryRun" doc:"Say what would be done, and do nothing."`
		Body   InventoryBody
	}
	add(s, api, op{method: http.MethodPost, path: inventoryPath, id: "import-inventory", tag: "inventory", summary: "Take in accounts, people, integrations and campaigns, whole or not at all (operators)", body: inventoryBody},
		func(ctx context.Context, in *in) (*one[InventoryTaken], error) {
			inv, err := s.readInventory(schemas, CallerFrom(ctx), in.Body)
			if err != nil {
				return nil, err
			}
			report, err := s.Service.ImportInventoryWith(ctx, CallerFrom(ctx), in.Key, inv, service.ImportOptions{Change: in.Change, DryRun: in.DryRun})
			return &one[InventoryTaken]{InventoryTaken{InventoryReport: report, Rows: append([]service.InventoryRow{}, report.Rows()...)}}, err
		})
	api.OpenAPI().Paths[inventoryPath].Post.RequestBody.Content["application/json"].Schema = inventorySchema(schemas)
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
