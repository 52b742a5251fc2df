package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
)

// SyncRun is one round of a directory synchronization.
type SyncRun struct {
	ID            string          `json:"id"`
	AccountID     string          `json:"accountId"`
	IntegrationID string          `json:"integrationId"`
	MigrationID   string          `json:"migrationId,omitempty"`
	Purpose       domain.Purpose  `json:"purpose" enum:"scheduled,manual,legacy,shadow,first"`
	Full          bool            `json:"full"`
	Binding       domain.Binding  `json:"binding"`
	State         domain.RunState `json:"state" enum:"reading,applying,done,stopped,error"`
	Pages         int64           `json:"pages"`
	Read          int64           `json:"read"`
	Added         int64           `json:"added"`
	Changed       int64           `json:"changed"`
	Removed       int64           `json:"removed"`
	Held          int64           `json:"held" doc:"Destructive changes kept for a person's decision."`
	Problem       *Reason         `json:"problem,omitempty"`
	StartedAt     domain.Instant  `json:"startedAt"`
	UpdatedAt     domain.Instant  `json:"updatedAt"`
	FinishedAt    domain.Instant  `json:"finishedAt"`
}

func syncRunOf(r domain.SyncRun) SyncRun {
	return SyncRun{
		ID: r.ID, AccountID: r.AccountID, IntegrationID: r.IntegrationID, MigrationID: r.MigrationID, Purpose: r.Purpose, Full: r.Full, Binding: r.Binding, State: r.State,
		Pages: r.Pages, Read: r.Read, Added: r.Added, Changed: r.Changed, Removed: r.Removed, Held: r.Held, Problem: reason(r.Code, r.Text),
		StartedAt: r.StartedAt, UpdatedAt: r.UpdatedAt, FinishedAt: r.FinishedAt,
	}
}

// Hold is one destructive change that a guard stopped.
type Hold struct {
	ID            string         `json:"id"`
	AccountID     string         `json:"accountId"`
	IntegrationID string         `json:"integrationId"`
	RunID         string         `json:"runId"`
	Kind          string         `json:"kind" doc:"user, group or membership"`
	ObjectID      string         `json:"objectId"`
	MemberID      string         `json:"memberId,omitempty"`
	Operation     string         `json:"operation" doc:"remove or disable"`
	Reason        string         `json:"reason"`
	State         string         `json:"state" doc:"held, removed, kept or gone"`
	CreatedAt     domain.Instant `json:"createdAt"`
	DecidedAt     domain.Instant `json:"decidedAt"`
	DecidedBy     string         `json:"decidedBy,omitempty"`
	GoneAt        domain.Instant `json:"goneAt,omitzero" doc:"When the object was seen again, or the run that made this was taken back."`
}

func holdOf(h domain.Hold) Hold {
	return Hold{
		ID: h.ID, AccountID: h.AccountID, IntegrationID: h.IntegrationID, RunID: h.RunID, Kind: h.Kind, ObjectID: h.ObjectID, MemberID: h.MemberID,
		Operation: h.Operation, Reason: h.Reason, State: h.State, CreatedAt: h.CreatedAt, DecidedAt: h.DecidedAt, DecidedBy: h.DecidedBy, GoneAt: h.GoneAt,
	}
}

// Notice is a message to the people of an account.
type Notice struct {
	ID          string         `json:"id"`
	AccountID   string         `json:"accountId"`
	MigrationID string         `json:"migrationId,omitempty"`
	Kind        string         `json:"kind"`
	Title       string         `json:"title"`
	Body        string         `json:"body"`
	CreatedAt   domain.Instant `json:"createdAt"`
	ReadAt      domain.Instant `json:"readAt"`
}

func noticeOf(n domain.Notice) Notice {
	return Notice{ID: n.ID, AccountID: n.AccountID, MigrationID: n.MigrationID, Kind: n.Kind, Title: n.Title, Body: n.Body, CreatedAt: n.CreatedAt, ReadAt: n.ReadAt}
}

func (s *server) syncRoutes(api huma.API) {
	add(s, api, op{method: http.MethodPost, path: prefix + "/integrations/{id}/sync-runs", id: "synchronize-now", tag: "sync", summary: "Synchronize now, outside the schedule", status: http.StatusAccepted},
		func(ctx context.Context, in *ByID) (*one[Integration], error) {
			i, err := s.Service.SynchronizeNow(ctx, CallerFrom(ctx), in.ID)
			return &one[Integration]{integrationOf(i)}, err
		})
	type runsIn struct {
		Paging
		IntegrationID string `query:"integrationId" maxLength:"100"`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/sync-runs", id: "list-sync-runs", tag: "sync", summary: "Synchronization runs"},
		func(ctx context.Context, in *runsIn) (*list[SyncRun], error) {
			rows, err := s.Service.SyncRuns(ctx, CallerFrom(ctx), in.IntegrationID, in.page())
			return listOf(rows, syncRunOf), err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/sync-runs/{id}", id: "get-sync-run", tag: "sync", summary: "One run"},
		func(ctx context.Context, in *ByID) (*one[SyncRun], error) {
			r, err := s.Service.SyncRun(ctx, CallerFrom(ctx), in.ID)
			return &one[SyncRun]{syncRunOf(r)}, err
		})
	type holdsIn struct {
		Paging
		IntegrationID string `query:"integrationId" maxLength:"100"`
		State         string `query:"state" enum:"held,removed,kept,gone"`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/holds", id: "list-holds", tag: "sync", summary: "Destructive changes that wait for a person"},
		func(ctx context.Context, in *holdsIn) (*list[Hold], error) {
			rows, err := s.Service.Holds(ctx, CallerFrom(ctx), in.IntegrationID, in.State, in.page())
			return listOf(rows, holdOf), err
		})
}

// Account is a customer of the vendor.
type Account struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Region   string   `json:"region"`
	TimeZone string   `json:"timeZone"`
	Domains  []string `json:"domains" nullable:"false"`
}

func accountOf(a domain.Account) Account {
	return Account{ID: a.ID, Name: a.Name, Region: a.Region, TimeZone: a.TimeZone, Domains: append([]string{}, a.Domains...)}
}

// Me is who asks.
type Me struct {
	ID       string      `json:"id"`
	Kind     string      `json:"kind" enum:"person,machine"`
	Name     string      `json:"name"`
	Operator bool        `json:"operator"`
	Grants   []RoleGrant `json:"grants" nullable:"false"`
}

// RoleGrant is a role in an account.
type RoleGrant struct {
	AccountID string      `json:"accountId"`
	Role      domain.Role `json:"role"`
}

// Change is one entry of the ordered change log.
type Change struct {
	Seq       int64          `json:"seq"`
	AccountID string         `json:"accountId,omitempty"`
	Kind      string         `json:"kind"`
	SubjectID string         `json:"subjectId"`
	What      string         `json:"what"`
	At        domain.Instant `json:"at"`
}

func changeOf(c domain.Change) Change {
	return Change{Seq: c.Seq, AccountID: c.AccountID, Kind: c.Kind, SubjectID: c.SubjectID, What: c.What, At: c.At}
}

func (s *server) recordRoutes(api huma.API) {
	type noticesIn struct {
		Paging
		AccountID   string `query:"accountId" maxLength:"100"`
		MigrationID string `query:"migrationId" maxLength:"100"`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/notices", id: "list-notices", tag: "notices", summary: "What accounts were told"},
		func(ctx context.Context, in *noticesIn) (*list[Notice], error) {
			rows, err := s.Service.Notices(ctx, CallerFrom(ctx), in.AccountID, in.MigrationID, in.page())
			return listOf(rows, noticeOf), err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/accounts", id: "list-accounts", tag: "accounts", summary: "Accounts you may look at"},
		func(ctx context.Context, in *Paging) (*list[Account], error) {
			rows, err := s.Service.AccountsOf(ctx, CallerFrom(ctx), in.page())
			return listOf(rows, accountOf), err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/me", id: "get-me", tag: "accounts", summary: "Who you are here"},
		func(ctx context.Context, _ *struct{}) (*one[Me], error) {
			c := CallerFrom(ctx)
			me := Me{ID: c.ID, Kind: string(c.Kind), Name: c.Name, Operator: c.Operator(), Grants: []RoleGrant{}}
			for _, g := range c.Grants {
				if g.AccountID != "" {
					me.Grants = append(me.Grants, RoleGrant{AccountID: g.AccountID, Role: g.Role})
				}
			}
			return &one[Me]{me}, nil
		})
}
