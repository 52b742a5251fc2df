package main

import (
	"errors"
	"time"

	"go.temporal.io/sdk/client"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/test/scripted"
)

// scenario is one road through one workflow. play answers the id of the
// workflow whose history is kept.
type scenario struct {
	name    string
	prepare func(*stage)
	play    func(*stage) (workflowID string, err error)
}

// step is one thing that a scenario does; the first that fails ends it.
type step = func() error

func steps(s *stage, do ...step) (string, error) {
	for _, each := range do {
		if err := each(); err != nil {
			return "", err
		}
	}
	return contract.MigrationID(s.id), nil
}

func (s *stage) start() error {
	return s.begin(contract.Dates{CampaignVersion: 1, NextAt: soon(time.Hour), Deadline: soon(time.Hour)})
}
func soon(d time.Duration) time.Time { return time.Now().UTC().Add(d).Truncate(time.Millisecond) }

func (s *stage) at(p domain.Phase) step { return func() error { return s.reaches(p) } }
func (s *stage) consent(id string) step { return func() error { return s.grant(id) } }
func (s *stage) decision(id string, kind domain.DecisionKind) step {
	return func() error { return s.decide(id, kind) }
}

var scenarios = []scenario{
	{"migration-happy",
		func(s *stage) { s.migration(scripted.Script{}) },
		func(s *stage) (string, error) {
			return steps(s, s.start, s.at(domain.AwaitingConsent), s.consent("cs_1"),
				s.at(domain.AwaitingDescription), s.decision("dec_1", domain.DecideDescribe),
				s.at(domain.AwaitingApproval), s.decision("dec_2", domain.DecideApprove),
				s.at(domain.CleanUp), s.decision("dec_3", domain.DecideCleanUp))
		}},
	{"migration-nothing-changes",
		func(s *stage) { s.migration(scripted.Script{GoOn: true, CleanUp: time.Second}) },
		func(s *stage) (string, error) {
			return steps(s, s.start, s.decision("dec_1", domain.DecideDescribe), s.consent("cs_1"))
		}},
	{"migration-consent-failed",
		func(s *stage) {
			s.migration(scripted.Script{Consents: []string{migration.ConsentNoPermission}, Described: true, GoOn: true, CleanUp: time.Second})
		},
		func(s *stage) (string, error) {
			return steps(s, s.start, s.consent("cs_1"), func() error { return s.checked(1) }, s.at(domain.AwaitingConsent), s.consent("cs_2"))
		}},
	{"migration-difference-approved",
		func(s *stage) {
			s.migration(scripted.Script{Described: true, GoOn: true, Differences: []bool{true, true}, Approvals: []string{migration.ProofTooOld}})
		},
		func(s *stage) (string, error) {
			return steps(s, s.start, s.consent("cs_1"),
				s.at(domain.AwaitingApproval), s.decision("dec_1", domain.DecideRefuse), s.decision("dec_2", domain.DecideApprove),
				s.at(domain.AwaitingApproval), s.decision("dec_3", domain.DecideApprove),
				s.at(domain.Migrated), s.decision("dec_4", domain.DecideCleanUp))
		}},
	{"migration-compensated",
		func(s *stage) {
			s.migration(scripted.Script{Described: true, GoOn: true, CleanUp: time.Second})
			s.syncs.Results[domain.RunFirst] = []contract.DirectorySyncResult{{RunID: "run_first", State: domain.RunError, Code: contract.SyncBudgetExceeded}}
		},
		func(s *stage) (string, error) {
			return steps(s, s.start, s.consent("cs_1"), s.at(domain.AwaitingApproval), s.decision("dec_1", domain.DecideApprove))
		}},
	{"migration-overdue",
		func(s *stage) {
			s.migration(scripted.Script{Described: true, GoOn: true, CleanUp: time.Second})
			s.syncs.Results[domain.RunLegacy] = []contract.DirectorySyncResult{{State: domain.RunStopped, Code: contract.SyncDeadlinePassed}}
			s.rows.Dates = []contract.Dates{
				{NextAt: soon(3 * time.Second), Deadline: soon(3 * time.Second), CampaignVersion: 1},
				{Deadline: soon(3 * time.Second), CampaignVersion: 2, Overdue: true},
			}
		},
		func(s *stage) (string, error) {
			return steps(s, func() error {
				return s.begin(contract.Dates{CampaignVersion: 1, NextAt: soon(time.Second), Deadline: soon(3 * time.Second)})
			},
				func() error { return s.overdue() }, s.consent("cs_1"), s.at(domain.AwaitingApproval), s.decision("dec_1", domain.DecideApprove))
		}},
	{"migration-dates-changed",
		func(s *stage) {
			s.migration(scripted.Script{})
			s.rows.Dates = []contract.Dates{{NextAt: soon(time.Hour), Deadline: soon(time.Hour), CampaignVersion: 2}, {NextAt: soon(2 * time.Hour), Deadline: soon(2 * time.Hour), CampaignVersion: 2}}
		},
		func(s *stage) (string, error) {
			nudge := func() error {
				return s.deliver(domain.CallSignal, contract.MigrationID(s.id), contract.SignalDatesChanged, "v2", contract.DatesChanged{AttemptID: s.attempt(), CampaignVersion: 2})
			}
			return steps(s, s.start, nudge, s.decision("dec_1", domain.DecideExtend), s.decision("dec_2", domain.DecideCancel))
		}},
	{"migration-tenant-shared",
		func(s *stage) { s.migration(scripted.Script{}) },
		func(s *stage) (string, error) {
			actor := func(code string) func() error {
				return func() error {
					return s.deliver(domain.CallSignal, contract.MigrationID(s.id), contract.SignalActorChanged, s.attempt()+"/"+code, contract.ActorChanged{AttemptID: s.attempt(), PhaseSeq: 1, Code: code})
				}
			}
			return steps(s, s.start, actor(migration.ConsentTenantShared), actor(""), s.decision("dec_1", domain.DecideCancel))
		}},
	// Cancelled from outside in every phase, each while a timer is armed: a
	// cancelled timer is ready without having fired.
	stopped("awaiting-consent", domain.AwaitingConsent, scripted.Script{}, 0),
	stopped("confirming-consent", domain.ConfirmingConsent, scripted.Script{ConsentAway: true}, 0),
	stopped("awaiting-description", domain.AwaitingDescription, scripted.Script{}, 0),
	stopped("proving", domain.Proving, scripted.Script{Described: true}, 2*time.Second),
	stopped("awaiting-approval", domain.AwaitingApproval, scripted.Script{Described: true}, 0),
	stopped("in-cut-over", domain.CuttingOver, scripted.Script{Described: true, GoOn: true}, 2*time.Second),
	stopped("migrated", domain.Migrated, scripted.Script{Described: true, GoOn: true, WayBack: time.Hour}, 0),
	stopped("clean-up", domain.CleanUp, scripted.Script{Described: true, GoOn: true}, 0),
	{"migration-rolled-back",
		func(s *stage) {
			s.migration(scripted.Script{Described: true, GoOn: true, WayBack: time.Hour, RollBacks: []string{migration.OldAppNotTried}})
		},
		func(s *stage) (string, error) {
			return steps(s, s.start, s.consent("cs_1"), s.at(domain.Migrated), s.decision("dec_1", domain.DecideExtend),
				s.decision("dec_2", domain.DecideRollBack), s.decision("dec_3", domain.DecideRollBack))
		}},
	{"migration-clean-up-ladder",
		func(s *stage) {
			s.migration(scripted.Script{Described: true, GoOn: true, CleanUp: time.Second, Rungs: []time.Duration{time.Second, time.Second}})
		},
		func(s *stage) (string, error) {
			return steps(s, s.start, s.consent("cs_1"))
		}},
	{"migration-resumed",
		func(s *stage) {
			s.migration(scripted.Script{GoOn: true, CleanUp: time.Second, Standing: contract.Standing{Phase: domain.AwaitingApproval, PhaseSeq: 7, Code: migration.WorkflowLost}})
		},
		func(s *stage) (string, error) {
			return steps(s, s.start, s.at(domain.AwaitingApproval), s.decision("dec_1", domain.DecideApprove))
		}},
	{"rotation",
		func(s *stage) {
			plan := func(action, why string) contract.RotationStep {
				return contract.RotationStep{Action: action, CredentialID: "crd_2", SignerID: "crd_1", Reason: why, Message: why}
			}
			s.real(&scripted.Rotation{
				Plan: []contract.RotationStep{
					{Action: "mint", Reason: "due", Message: "The active certificate has served its period."}, plan("publish", "not_published"), plan("prove", "not_proven"),
					{Action: "nothing", Reason: "waiting_to_prove", Message: "The next proof is not due yet.", Until: soon(3 * time.Second)},
					plan("prove", "not_proven"), plan("activate", "proven"), plan("retire", "grace_over"),
				},
				Outcomes: map[string][]contract.RotationOutcome{"prove": {{Refused: true}, {}}},
			})
		},
		func(s *stage) (string, error) {
			return s.execute(contract.RotationScheduleID("cell_1"), contract.QueueKeys, contract.CertificateRotationWorkflow, contract.RotationInput{CellID: "cell_1"})
		}},
	{"connector-setup",
		func(s *stage) {
			s.real(&scripted.Connector{Standing: contract.ConnectorStanding{Condition: domain.ConditionOK}, Failures: 1})
		},
		func(s *stage) (string, error) {
			id := contract.ConnectorSetupID("con_1", "cs_1")
			return id, s.deliver(domain.CallStart, id, contract.ConnectorSetupWorkflow, "cs_1", contract.ConnectorSetupInput{ConnectorID: "con_1", ConsentSessionID: "cs_1", AccountID: "acc_1", Region: "eu"})
		}},
	{"sync-full",
		func(s *stage) {
			s.real(&scripted.Sync{
				Start: contract.RunStart{RunID: "run_1", Full: true}, Slices: 3,
				Result: contract.DirectorySyncResult{RunID: "run_1", State: domain.RunDone, Read: 300, Added: 300},
			})
		},
		playSync},
	{"sync-delta",
		func(s *stage) {
			s.real(&scripted.Sync{Start: contract.RunStart{RunID: "run_1"}, Slices: 1, Result: contract.DirectorySyncResult{RunID: "run_1", State: domain.RunDone, Read: 4, Changed: 4}})
		},
		playSync},
	{"sync-refused",
		func(s *stage) {
			s.real(&scripted.Sync{Start: contract.RunStart{Refused: true, Code: contract.SyncDeadlinePassed}})
		},
		playSync},
	{"sweep-approvals",
		func(s *stage) { s.real(&scripted.Sync{Waiting: 2}) },
		func(s *stage) (string, error) {
			return s.execute(contract.SweepScheduleID("eu"), contract.QueueMigrations, contract.SweepWorkflow, contract.SweepInput{Region: "eu"})
		}},
	{"sweep-lost",
		func(s *stage) { s.real(&scripted.Sync{Lost: 1}) },
		func(s *stage) (string, error) {
			return s.execute(contract.SweepScheduleID("eu"), contract.QueueMigrations, contract.SweepWorkflow, contract.SweepInput{Region: "eu"})
		}},
	{"sweep",
		func(s *stage) { s.real(&scripted.Sync{}) },
		func(s *stage) (string, error) {
			return s.execute(contract.SweepScheduleID("eu"), contract.QueueMigrations, contract.SweepWorkflow, contract.SweepInput{Region: "eu"})
		}},
}

// stopped is a migration that somebody cancels at the engine while it is in a
// phase; takes is how long its synchronizations last, so that they are met.
func stopped(name string, in domain.Phase, script scripted.Script, takes time.Duration) scenario {
	return scenario{
		"migration-cancelled-" + name,
		func(s *stage) {
			s.migration(script)
			s.syncs.Takes = takes
		},
		func(s *stage) (string, error) {
			road := []step{s.start}
			if in != domain.AwaitingConsent {
				road = append(road, s.consent("cs_1"))
			}
			return steps(s, append(road, s.at(in), func() error { return s.client.CancelWorkflow(s.ctx, contract.MigrationID(s.id), "") })...)
		},
	}
}

func playSync(s *stage) (string, error) {
	id := contract.DirectorySyncID(s.id)
	return id, s.deliver(domain.CallStart, id, contract.DirectorySyncWorkflow, "", contract.DirectorySyncInput{
		IntegrationID: s.id, AccountID: "acc_1", Region: "eu", Purpose: domain.RunScheduled,
	})
}

// execute starts what a schedule starts in production.
func (s *stage) execute(id, queue, name string, in any) (string, error) {
	_, err := s.client.ExecuteWorkflow(s.ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue}, name, in)
	return id, err
}

// checked waits until the consent was checked so many times.
func (s *stage) checked(times int) error {
	return s.until(func() bool { return s.rows.Called("EntraConfirmConsent") >= times })
}

// overdue waits until both readings of the dates were made.
func (s *stage) overdue() error {
	return s.until(func() bool { return s.rows.Called("ServiceReadDates") >= 2 })
}

func (s *stage) until(holds func() bool) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-s.ctx.Done():
			return errors.New("the scenario did not get as far as it should")
		case <-tick.C:
		}
	}
	return nil
}
