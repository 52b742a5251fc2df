// Package consoletest writes accounts in every state that a page of the console
// can show, for its tests and for looking at the pages while they are made. The
// rows are what commands and workflows would have left behind.
package consoletest

import (
	"context"
	"fmt"
	"time"

	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// Accounts of the world.
const (
	Contoso   = "acc_contoso"   // three integrations: to do, failed, migrated
	Northwind = "acc_northwind" // one integration in each state of a migration
	Wingtip   = "acc_wingtip"   // everything done
	Tailspin  = "acc_tailspin"  // nothing at all
)

// People of the world.
var (
	Ana  = person("per_ana", "Ana Ruiz", grant(Contoso, domain.RoleApprove), grant(Northwind, domain.RoleApprove), grant(Wingtip, domain.RoleApprove))
	Ben  = person("per_ben", "Ben Okafor", grant(Contoso, domain.RoleMigrate), grant(Northwind, domain.RoleMigrate))
	Leo  = person("per_leo", "Leo Brandt", grant(Contoso, domain.RoleView), grant(Northwind, domain.RoleView))
	Tess = person("per_tess", "Tess Moreau", grant(Tailspin, domain.RoleApprove))
	Olga = person("per_olga", "Olga Lind", grant("", domain.RoleOperator))
)

func person(id, name string, grants ...domain.Grant) domain.Caller {
	for n := range grants {
		grants[n].ID, grants[n].PersonID = fmt.Sprintf("grant_%s_%d", id, n), id
	}
	return domain.Caller{Kind: domain.CallerPerson, ID: id, Name: name, Grants: grants}
}

func grant(account string, role domain.Role) domain.Grant {
	return domain.Grant{AccountID: account, Role: role}
}

// State is one integration of Northwind and its migration.
type State struct {
	Name string // also the tail of its ids: int_<name>, mig_<name>
	make func(*builder, *scene)
}

// MigrationID is the id of the state's migration.
func (s State) MigrationID() string { return "mig_" + s.Name }

// IntegrationID is the id of the state's integration.
func (s State) IntegrationID() string { return "int_" + s.Name }

// scene is one integration while its rows are made.
type scene struct {
	Integration domain.Integration
	Legacy      domain.LegacyApp
	Migration   domain.Migration
	Session     *domain.ConsentSession
	Connector   *domain.Connector
	Proof       *domain.Proof
	Decision    *domain.Decision
	Runs        []domain.SyncRun
	Holds       []domain.Hold
}

// builder writes rows; the first error stops it.
type builder struct {
	rows service.Rows
	now  time.Time
	err  error
}

func insert[T any](b *builder, table service.Table[T], rows ...*T) {
	if b.err == nil {
		b.err = table.Insert(rows...)
	}
}

func (b *builder) ago(d time.Duration) domain.Instant { return domain.At(b.now.Add(-d)) }
func (b *builder) in(d time.Duration) domain.Instant  { return domain.At(b.now.Add(d)) }

// Seed writes the world as it stands at now.
func Seed(ctx context.Context, store service.Store, now time.Time) error {
	return store.Write(ctx, func(rows service.Rows) error {
		b := &builder{rows: rows, now: now}
		b.vendor()
		b.people()
		b.contoso()
		for n, s := range States {
			b.scene(Northwind, "cmp_northwind", n, s)
		}
		b.wingtip()
		insert(b, rows.Changes(), &domain.Change{AccountID: Contoso, Kind: "campaign", SubjectID: "cmp_contoso", What: "seed", At: domain.At(now)})
		return b.err
	})
}

const day = 24 * time.Hour

func (b *builder) vendor() {
	insert(b, b.rows.Cells(), &domain.Cell{ID: "cell_eu1", Name: "Europe 1", Cloud: "global", Region: "europe", ClientID: "7c9e6679-7425-40de-944b-e07fc1f90ae7", CreatedAt: b.ago(200 * day)})
	for n := range 4 {
		age := time.Duration(n)*day + 3*time.Hour
		state := domain.CredentialRetired
		if n == 0 {
			state = domain.CredentialActive
		} else if n == 1 {
			state = domain.CredentialRetiring
		}
		insert(b, b.rows.Credentials(), &domain.Credential{
			ID: fmt.Sprintf("cred_%d", n), CellID: "cell_eu1", State: state, Thumbprint: fmt.Sprintf("%056x%08x", 0xabc, 0x9f3e21d0+n*0x1111),
			NotBefore: b.ago(age + time.Hour), NotAfter: b.in(7*day - age), ActivatedAt: b.ago(age),
		})
	}
	for _, c := range []struct {
		id     string
		due    time.Duration
		paused bool
	}{{"cmp_contoso", 31 * day, false}, {"cmp_northwind", 31 * day, false}, {"cmp_wingtip", 31 * day, false}, {"cmp_paused", 9 * day, true}, {"cmp_past", -2 * day, false}} {
		insert(b, b.rows.Campaigns(), &domain.Campaign{
			ID: c.id, Name: c.id, Region: "europe", Product: domain.ProductDirectorySync, Version: 1, Paused: c.paused, StartedAt: b.ago(58 * day), CreatedAt: b.ago(58 * day),
			Terms: domain.CampaignTerms{
				AvailableFrom: b.ago(58 * day), Deadline: b.in(c.due), ConsentGrace: domain.Duration(day), ConsentBudget: domain.Duration(15 * time.Minute),
				ProofAge: domain.Duration(time.Hour), FirstSync: domain.Duration(6 * time.Hour), WayBack: domain.Duration(14 * day), CleanUp: domain.Duration(30 * day),
			},
		})
	}
}

func (b *builder) people() {
	for _, a := range []domain.Account{
		{ID: Contoso, Name: "Contoso Ltd", Region: "Europe", TimeZone: "Europe/Berlin", Domains: []string{"contoso.com"}},
		{ID: Northwind, Name: "Northwind Traders", Region: "Europe", TimeZone: "Europe/London", Domains: []string{"northwind.example"}},
		{ID: Wingtip, Name: "Wingtip Toys", Region: "US", TimeZone: "America/Chicago", Domains: []string{"wingtip.example"}},
		{ID: Tailspin, Name: "Tailspin Aviation", Region: "Australia", TimeZone: "Australia/Sydney", Domains: []string{"tailspin.example"}},
	} {
		a.CreatedAt = b.ago(400 * day)
		insert(b, b.rows.Accounts(), &a)
	}
	for _, c := range []domain.Caller{Ana, Ben, Leo, Tess, Olga} {
		p := domain.Person{ID: c.ID, Issuer: "https://idp.example", Subject: c.ID, Name: c.Name, CreatedAt: b.ago(90 * day)}
		if c.ID != Leo.ID {
			p.SignedInAt = b.ago(3 * time.Hour)
		}
		insert(b, b.rows.People(), &p)
		for _, g := range c.Grants {
			g.GrantedAt = b.ago(90 * day)
			if c.ID == Ben.ID || c.ID == Leo.ID {
				g.GrantedBy = Ana.ID
			}
			insert(b, b.rows.Grants(), &g)
		}
	}
	invitation := func(id, name, account string, role domain.Role, ends domain.Instant) {
		insert(b, b.rows.Invitations(), &domain.Invitation{ID: id, Digest: id, Name: name, AccountID: account, Role: role, InvitedBy: Ana.ID, CreatedAt: b.ago(4 * day), ExpiresAt: ends})
	}
	invitation("inv_mia", "Mia <Marsh>", Contoso, domain.RoleMigrate, b.in(2*day))
	invitation("inv_late", "Otto Late", Contoso, domain.RoleView, b.ago(day))
	token := func(id, name, account string, role domain.Role, by string, ends domain.Instant) {
		insert(b, b.rows.Tokens(), &domain.Token{ID: id, Digest: id, Name: name, AccountID: account, Role: role, CreatedBy: by, CreatedAt: b.ago(20 * day), ExpiresAt: ends, LastUsedAt: b.ago(time.Hour)})
	}
	token("tok_export", "Nightly export", Contoso, domain.RoleView, Ana.ID, b.in(70*day))
	token("tok_child", "Report", Contoso, domain.RoleView, "tok_export", b.ago(day))
	token("tok_ci", "Pipeline", "", domain.RoleOperator, Olga.ID, b.in(10*day))
}

// base is an integration on its legacy app whose migration has not begun.
func (b *builder) base(account, campaign, key, name, domainName string, n int) *scene {
	tenant := fmt.Sprintf("5c1b0f0e-3a51-4c4e-9d0d-%012d", n+1)
	s := &scene{
		Integration: domain.Integration{
			ID: "int_" + key, AccountID: account, Name: name, TenantID: tenant, TenantDomain: domainName, Product: domain.ProductDirectorySync,
			Binding: domain.BoundLegacy, Epoch: 1, Settings: domain.SyncSettings{IncludeGuests: true}, Schedule: domain.SyncSchedule{TimesADay: 3},
			Frozen: true, Condition: domain.ConditionOK, NextDueAt: b.in(5*time.Hour + time.Duration(n)*time.Minute), LastSyncedAt: b.ago(3 * time.Hour),
			Users: 4180, Groups: 212, Memberships: 9731, CreatedAt: b.ago(300 * day),
		},
		Legacy: domain.LegacyApp{ID: "int_" + key, ClientID: fmt.Sprintf("98a2b1c5-7f0e-4b53-8f1a-%012d", n+1), Name: name + " Directory Sync", SecretRef: "sec_" + key, SecretEndsAt: b.in(120 * day)},
		Migration: domain.Migration{
			ID: "mig_" + key, AccountID: account, IntegrationID: "int_" + key, CampaignID: campaign, Region: "europe", Phase: domain.AwaitingConsent,
			PhaseSince: b.ago(2 * day), Open: true, StartedAt: b.ago(58 * day), UpdatedAt: b.ago(time.Hour),
		},
	}
	s.Runs = []domain.SyncRun{
		b.run(s, "1", domain.RunScheduled, domain.RunDone, 3*time.Hour, 0, 12, 3),
		b.run(s, "2", domain.RunScheduled, domain.RunDone, 11*time.Hour, 4, 31, 0),
		b.run(s, "3", domain.RunManual, domain.RunDone, 19*time.Hour, 1, 0, 0),
	}
	return s
}

func (b *builder) run(s *scene, tail string, purpose domain.Purpose, state domain.RunState, ago time.Duration, added, changed, removed int64) domain.SyncRun {
	r := domain.SyncRun{
		ID: "run_" + s.Integration.ID + "_" + tail, AccountID: s.Integration.AccountID, IntegrationID: s.Integration.ID, Purpose: purpose, State: state,
		Epoch: 1, Binding: s.Integration.Binding, Pages: 42, Read: added + changed + removed, Added: added, Changed: changed, Removed: removed,
		StartedAt: b.ago(ago), UpdatedAt: b.ago(ago - 41*time.Second), FinishedAt: b.ago(ago - 41*time.Second),
	}
	if state == domain.RunReading || state == domain.RunApplying {
		r.Open, r.FinishedAt, r.UpdatedAt = purpose != domain.RunShadow, domain.Instant{}, b.ago(0)
	}
	return r
}

func (b *builder) scene(account, campaign string, n int, state State) {
	s := b.base(account, campaign, state.Name, titles[state.Name], state.Name+".onmicrosoft.com", 100+n)
	state.make(b, s)
	b.write(s)
}

func (b *builder) write(s *scene) {
	insert(b, b.rows.Integrations(), &s.Integration)
	insert(b, b.rows.LegacyApps(), &s.Legacy)
	if s.Connector != nil {
		insert(b, b.rows.Connectors(), s.Connector)
	}
	if s.Session != nil {
		insert(b, b.rows.ConsentSessions(), s.Session)
	}
	if s.Proof != nil {
		insert(b, b.rows.Proofs(), s.Proof)
		if b.err == nil && s.Proof.ShadowRunID != "" { // what was read is kept until a switch uses it up
			b.err = b.rows.Mirror().PutCursor(dirsync.Cursor{RunID: s.Proof.ShadowRunID, StageID: s.Proof.ShadowRunID})
		}
	}
	if s.Decision != nil {
		insert(b, b.rows.Decisions(), s.Decision)
	}
	if s.Migration.ID != "" {
		insert(b, b.rows.Migrations(), &s.Migration)
	}
	for _, r := range s.Runs {
		insert(b, b.rows.SyncRuns(), &r)
	}
	for _, h := range s.Holds {
		insert(b, b.rows.Holds(), &h)
	}
}
