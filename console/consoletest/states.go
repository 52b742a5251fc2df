package consoletest

import (
	"fmt"
	"time"

	"consentry/internal/domain"
)

// titles are the names of Northwind's integrations.
var titles = map[string]string{
	"new": "Northwind London", "failed": "Northwind Lisbon", "waiting": "Northwind Oslo", "expired": "Northwind Paris",
	"checking": "Northwind Rome", "describe": "Northwind Vienna", "proving": "Northwind Prague", "equal": "Northwind Madrid",
	"differs": "Northwind Warsaw", "frozen": "Northwind Athens", "backagain": "Northwind Dublin", "rebinding": "Northwind Zagreb",
	"first": "Northwind Sofia", "migrated": "Northwind Riga", "cleanup": "Northwind Tallinn", "closed": "Northwind Bern",
	"cancelled": "Northwind Malta", "rolledback": "Northwind Kyiv", "overdue": "Northwind Berlin", "paused": "Northwind Porto",
	"given": "Northwind Turin", "throttled": "Northwind Bonn",
}

// States lists every state of a migration that the wizard shows.
var States = []State{
	{"new", func(*builder, *scene) {}},
	{"failed", func(b *builder, s *scene) {
		s.Migration.ConsentBeganAt = b.ago(30 * time.Minute)
		s.Migration.ConsentCode = "role_insufficient"
		s.Migration.ConsentText = "You are Cloud Application Administrator, and Microsoft does not let that role grant application permissions of Microsoft Graph. A Global Administrator or Privileged Role Administrator has to do it."
		s.Migration.PhaseSince = b.ago(25 * time.Minute)
		s.Session = b.session(s, domain.ConsentRefused)
	}},
	{"waiting", func(b *builder, s *scene) {
		s.Migration.ConsentBeganAt = b.ago(4 * time.Minute)
		s.Session = b.session(s, domain.ConsentOpen)
	}},
	{"expired", func(b *builder, s *scene) {
		s.Legacy.SecretEndsAt = b.ago(5 * day)
		s.Integration.Condition, s.Integration.ConditionCode = domain.ConditionError, "LegacyCredentialDead"
		s.Integration.ConditionText = "Microsoft no longer accepts the old app's secret, so nothing can be read through it. Migrate to the connector; what was read before is kept."
		s.Integration.LastSyncedAt = b.ago(5 * day)
		s.Runs = append(s.Runs, func() domain.SyncRun {
			r := b.run(s, "0", domain.RunScheduled, domain.RunError, time.Hour, 0, 0, 0)
			r.Code, r.Text = "LegacyCredentialDead", "Microsoft no longer accepts the old app's secret."
			return r
		}())
	}},
	{"checking", func(b *builder, s *scene) {
		b.consented(s)
		s.Migration.Phase, s.Migration.PhaseSince = domain.ConfirmingConsent, b.ago(40*time.Second)
		s.Connector = nil
		s.Migration.ConnectorID = ""
	}},
	{"describe", func(b *builder, s *scene) {
		b.consented(s)
		s.Migration.Phase, s.Migration.PhaseSince, s.Migration.Description, s.Connector = domain.AwaitingDescription, b.ago(time.Minute), "", nil
		s.Migration.ConnectorID = ""
	}},
	{"proving", func(b *builder, s *scene) {
		b.consented(s)
		s.Migration.Phase, s.Migration.PhaseSince = domain.Proving, b.ago(90*time.Second)
		r := b.run(s, "shadow", domain.RunShadow, domain.RunReading, 80*time.Second, 0, 0, 0)
		r.MigrationID, r.Read, r.Pages = s.Migration.ID, 6120, 31
		s.Runs = append(s.Runs, r)
	}},
	{"equal", func(b *builder, s *scene) { b.proven(s) }},
	{"differs", func(b *builder, s *scene) {
		b.proven(s)
		b.differences(s)
	}},
	{"frozen", func(b *builder, s *scene) {
		b.proven(s)
		b.differences(s)
		s.Proof.Frozen, s.Proof.AsOf = true, b.ago(5*day)
	}},
	{"backagain", func(b *builder, s *scene) {
		b.proven(s)
		s.Proof.ShadowRunID = "" // used up
		s.Migration.FailureCode, s.Migration.FailureText = "first-sync-failed", "The first synchronization failed and everything was put back as it was."
	}},
	{"rebinding", func(b *builder, s *scene) {
		b.proven(s)
		s.Migration.Phase, s.Migration.PhaseSince = domain.CuttingOver, b.ago(3*time.Second)
	}},
	{"first", func(b *builder, s *scene) {
		b.proven(s)
		s.Migration.Phase, s.Migration.PhaseSince = domain.CuttingOver, b.ago(95*time.Second)
		b.bind(s)
		r := b.run(s, "first", domain.RunFirst, domain.RunApplying, 90*time.Second, 0, 0, 0)
		r.MigrationID, r.Read, r.Full = s.Migration.ID, 9800, true
		s.Runs = append(s.Runs, r)
	}},
	{"migrated", func(b *builder, s *scene) { b.migrated(s, domain.Migrated) }},
	{"cleanup", func(b *builder, s *scene) {
		b.migrated(s, domain.CleanUp)
		s.Migration.WayBackUntil, s.Migration.RemovalAdvised = b.ago(day), b.ago(day)
	}},
	{"closed", func(b *builder, s *scene) {
		b.migrated(s, domain.Closed)
		s.Migration.OldAppRemoved, s.Migration.Open, s.Migration.EndedAt = "confirmed", false, b.ago(time.Hour)
		s.Migration.WayBackUntil, s.Legacy.DestroyedAt, s.Legacy.SecretRef = b.ago(day), b.ago(time.Hour), ""
	}},
	{"cancelled", func(b *builder, s *scene) {
		s.Migration.Phase, s.Migration.Open, s.Migration.EndedAt = domain.Cancelled, false, b.ago(day)
	}},
	{"rolledback", func(b *builder, s *scene) {
		b.consented(s)
		s.Migration.Phase, s.Migration.Open, s.Migration.EndedAt = domain.RolledBack, false, b.ago(day)
	}},
	{"overdue", func(b *builder, s *scene) {
		s.Migration.CampaignID, s.Migration.Overdue, s.Migration.OverdueSince = "cmp_past", true, b.ago(2*day)
		s.Integration.Condition, s.Integration.ConditionCode, s.Integration.LastSyncedAt = domain.ConditionStopped, "deadline-passed", b.ago(2*day)
		s.Integration.ConditionText = "The date for migrating has passed, so synchronization through the old app is stopped. Nothing is deleted. Complete the migration to start it again."
	}},
	{"paused", func(_ *builder, s *scene) { s.Migration.CampaignID = "cmp_paused" }},
	{"given", func(b *builder, s *scene) {
		s.Migration.Description, s.Migration.GoOnIfUnchanged = "Office staff and groups, production tenant", true
		s.Decision = &domain.Decision{ID: "dec_given", AccountID: Northwind, MigrationID: s.Migration.ID, Kind: domain.DecideDescribe, State: domain.DecisionGiven, GivenBy: Ana.ID, GivenAt: b.ago(time.Second)}
	}},
	{"throttled", func(b *builder, s *scene) {
		b.consented(s)
		s.Migration.Phase, s.Migration.PhaseSince = domain.Proving, b.ago(10*time.Minute)
		s.Migration.WaitingCode, s.Migration.WaitingText, s.Migration.WaitingSince = "microsoft-throttled", "Microsoft asked us to wait.", b.ago(2*time.Minute)
	}},
}

func (b *builder) session(s *scene, outcome domain.ConsentOutcome) *domain.ConsentSession {
	return &domain.ConsentSession{
		ID: "cs_" + s.Integration.ID, AccountID: s.Integration.AccountID, MigrationID: s.Migration.ID, PersonID: Ben.ID, TenantID: s.Integration.TenantID, CellID: "cell_eu1",
		Leg: domain.LegConsent, Outcome: outcome, CreatedAt: b.ago(4 * time.Minute), ExpiresAt: b.in(6 * time.Minute),
	}
}

func (b *builder) consented(s *scene) {
	s.Session = b.session(s, domain.ConsentVerified)
	s.Session.VerifiedTenant, s.Session.VerifiedObject = s.Integration.TenantID, "3f8d0c52-91b7-4f0f-8a1e-6d2f9a70c114"
	s.Migration.ConsentSession, s.Migration.ConsentBeganAt, s.Migration.Description = s.Session.ID, b.ago(8*time.Minute), "Office staff and groups, production tenant"
	s.Connector = &domain.Connector{
		ID: "con_" + s.Integration.ID, AccountID: s.Integration.AccountID, TenantID: s.Integration.TenantID, Product: s.Integration.Product, Name: s.Integration.Name,
		Description: s.Migration.Description, CellID: "cell_eu1", PermissionSet: 1, ConsentSessionID: s.Session.ID, ConsentedBy: s.Session.VerifiedObject,
		ConsentedAt: b.ago(8 * time.Minute), ConfirmedAt: b.ago(7 * time.Minute), Condition: domain.ConditionOK, CreatedAt: b.ago(7 * time.Minute), UpdatedAt: b.ago(7 * time.Minute),
	}
	s.Migration.ConnectorID = s.Connector.ID
}

func (b *builder) proven(s *scene) {
	b.consented(s)
	held := domain.Counts{Users: s.Integration.Users, Groups: s.Integration.Groups, Memberships: s.Integration.Memberships}
	s.Proof = &domain.Proof{
		ID: "prf_" + s.Integration.ID, AccountID: s.Integration.AccountID, MigrationID: s.Migration.ID, ShadowRunID: "run_" + s.Integration.ID + "_s", AsOf: b.ago(4 * time.Minute), ReadAt: b.ago(3 * time.Minute),
		Mirror: held, Shadow: held, CreatedAt: b.ago(2 * time.Minute),
	}
	s.Migration.ProofID, s.Migration.Phase, s.Migration.PhaseSince = s.Proof.ID, domain.AwaitingApproval, b.ago(2*time.Minute)
}

func (b *builder) differences(s *scene) {
	p := s.Proof
	p.Added, p.Changed, p.Removed = domain.Counts{Users: 3, Memberships: 11}, domain.Counts{Users: 12}, domain.Counts{Users: 2, Memberships: 4}
	p.Shadow = domain.Counts{Users: p.Mirror.Users + 1, Groups: p.Mirror.Groups, Memberships: p.Mirror.Memberships + 7}
	add := func(change, name string, fields ...string) {
		id := fmt.Sprintf("0e9d8c7b-1111-4222-8333-%012d", len(p.Examples))
		p.Examples = append(p.Examples, domain.Difference{Kind: "user", Change: change, ObjectID: id, Name: name, Fields: fields})
	}
	for n := range 3 {
		add("added", fmt.Sprintf("New Colleague %d", n+1))
	}
	for n := range 12 {
		add("changed", fmt.Sprintf("Renamed Colleague %d", n+1), "displayName", "department")
	}
	add("removed", "Former Colleague")
	add("removed", "<b>Robert</b> & Söhne")
	p.Examples = append(p.Examples, domain.Difference{Kind: "membership", Change: "removed", ObjectID: "0e9d8c7b-1111-4222-8333-00000000aaaa", MemberID: "0e9d8c7b-1111-4222-8333-00000000bbbb", Name: "All staff"})
}

func (b *builder) bind(s *scene) {
	s.Integration.Binding, s.Integration.ConnectorID, s.Integration.Epoch = domain.BoundConnector, s.Connector.ID, 2
}

func (b *builder) migrated(s *scene, phase domain.Phase) {
	b.proven(s)
	b.bind(s)
	s.Migration.Phase, s.Migration.PhaseSince, s.Migration.MigratedAt = phase, b.ago(2*time.Hour), b.ago(2*time.Hour)
	s.Migration.WayBackUntil, s.Migration.CleanUpUntil, s.Migration.RemovalAdvised = b.in(12*day), b.in(42*day), b.in(12*day)
	s.Integration.Frozen, s.Connector.EnrolledAt = false, b.ago(2*time.Hour)
	r := b.run(s, "first", domain.RunFirst, domain.RunDone, 2*time.Hour, 3, 12, 0)
	r.MigrationID, r.Full, r.Read, r.Held = s.Migration.ID, true, 14123, 2
	s.Runs = append([]domain.SyncRun{r}, s.Runs...)
	for n := range 2 {
		s.Holds = append(s.Holds, domain.Hold{
			ID: fmt.Sprintf("hold_%s_%d", s.Integration.ID, n), AccountID: s.Integration.AccountID, IntegrationID: s.Integration.ID, RunID: r.ID, Kind: "user",
			ObjectID: fmt.Sprintf("0e9d8c7b-1111-4222-8333-%012d", 900+n), Operation: "remove", Reason: "The first synchronization after a switch removes nothing by itself.", State: "held", CreatedAt: b.ago(2 * time.Hour),
		})
	}
}

// contoso has one integration to begin with, one whose consent failed, and one
// that is migrated.
func (b *builder) contoso() {
	hq := b.base(Contoso, "cmp_contoso", "hq", "Contoso HQ", "contoso.onmicrosoft.com", 1)
	b.write(hq)
	lab := b.base(Contoso, "cmp_contoso", "lab", "Contoso Manufacturing", "contosomfg.onmicrosoft.com", 2)
	lab.Migration.ConsentBeganAt, lab.Migration.ConsentCode, lab.Migration.ConsentText = b.ago(day), "declined", "The permissions were not accepted. Nothing has changed."
	lab.Integration.Users, lab.Integration.Groups, lab.Integration.Memberships = 910, 64, 2210
	lab.Runs = append(lab.Runs, b.run(lab, "now", domain.RunManual, domain.RunReading, 20*time.Second, 0, 0, 0))
	b.write(lab)
	retail := b.base(Contoso, "cmp_contoso", "retail", "Contoso Retail", "contosoretail.onmicrosoft.com", 3)
	b.migrated(retail, domain.Migrated)
	retail.Connector.Description = "Retail staff and store groups"
	retail.Integration.Users, retail.Integration.Groups, retail.Integration.Memberships = 15022, 840, 48112
	b.write(retail)
}

// wingtip has nothing left to do.
func (b *builder) wingtip() {
	s := b.base(Wingtip, "cmp_wingtip", "toys", "Wingtip Toys", "wingtip.onmicrosoft.com", 4)
	b.migrated(s, domain.Closed)
	s.Migration.Open, s.Migration.OldAppRemoved, s.Migration.EndedAt = false, "confirmed", b.ago(day)
	s.Holds, s.Runs[0].Held = nil, 0
	b.write(s)
}
