package scripted

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

// Syncs plays DirectorySyncWorkflow for the migrations of one process: each run
// answers with the next result for its purpose, by default done.
type Syncs struct {
	// Takes is how long a run lasts.
	Takes   time.Duration
	Results map[domain.Purpose][]contract.DirectorySyncResult

	mu   sync.Mutex
	runs []contract.DirectorySyncInput
}

// Runs lists what was run.
func (s *Syncs) Runs() []contract.DirectorySyncInput {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]contract.DirectorySyncInput(nil), s.runs...)
}

// ScriptedRunResult is the activity behind Workflow: which result comes next is
// not for workflow code to know.
func (s *Syncs) ScriptedRunResult(_ context.Context, in contract.DirectorySyncInput) (contract.DirectorySyncResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs = append(s.runs, in)
	list := s.Results[in.Purpose]
	if len(list) == 0 {
		return contract.DirectorySyncResult{RunID: "run_" + string(in.Purpose), State: domain.RunDone, Read: 3}, nil
	}
	s.Results[in.Purpose] = list[1:]
	return list[0], nil
}

// Workflow stands in for DirectorySyncWorkflow.
func (s *Syncs) Workflow(ctx workflow.Context, in contract.DirectorySyncInput) (contract.DirectorySyncResult, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	var out contract.DirectorySyncResult
	if err := workflow.ExecuteActivity(ctx, "ScriptedRunResult", in).Get(ctx, &out); err != nil {
		return out, err
	}
	if s.Takes > 0 {
		if err := workflow.Sleep(ctx, s.Takes); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Sync plays activities.Sync for one run: so many slices of reading, then the
// result.
type Sync struct {
	Start  contract.RunStart
	Slices int
	Result contract.DirectorySyncResult

	Waiting int // consents that a sweep has to look for
	Lost    int // migrations that may be lost
	Heals   int
	Looked  int

	mu   sync.Mutex
	read int
}

// ServiceBeginRun answers as the script says.
func (s *Sync) ServiceBeginRun(_ context.Context, _ contract.BeginRun) (contract.RunStart, error) {
	return s.Start, nil
}

// GraphReadRound reads one slice.
func (s *Sync) GraphReadRound(_ context.Context, _ contract.ReadRound) (contract.ReadSlice, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read++
	return contract.ReadSlice{More: s.read < s.Slices, Full: s.Start.Full, Pages: int64(s.read), Read: int64(s.read) * 100}, nil
}

// ServiceApplyRun answers as the script says.
func (s *Sync) ServiceApplyRun(_ context.Context, _ contract.ApplyRun) (contract.DirectorySyncResult, error) {
	return s.Result, nil
}

// ServiceEndRun answers as it was told.
func (s *Sync) ServiceEndRun(_ context.Context, in contract.EndRun) (contract.DirectorySyncResult, error) {
	return contract.DirectorySyncResult{RunID: in.RunID, State: domain.RunState(in.State), Code: in.Code}, nil
}

// ServiceStartDueRuns finds two.
func (s *Sync) ServiceStartDueRuns(_ context.Context, _ contract.SweepInput) (contract.SweepResult, error) {
	return contract.SweepResult{Started: 2, Waiting: s.Waiting, Lost: s.Lost}, nil
}

// ServiceHealLost heals them all.
func (s *Sync) ServiceHealLost(context.Context, contract.SweepInput) (contract.LostHealed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Heals++
	return contract.LostHealed{Healed: s.Lost}, nil
}

// EntraFindApprovals counts the looks and finds one.
func (s *Sync) EntraFindApprovals(context.Context, contract.SweepInput) (contract.ApprovalsFound, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Looked++
	return contract.ApprovalsFound{Looked: s.Waiting, Taken: 1}, nil
}
