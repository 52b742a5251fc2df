package service_test

import (
	"fmt"
	"testing"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// BenchmarkRound measures a full round of 5,000 users, 300 groups and 20,000
// memberships on SQLite, without the network: pages of 200 staged, then applied.
// The second round is the one in which nothing changed.
func BenchmarkRound(b *testing.B) {
	var users, groups []dirsync.Page
	for n := range 25 {
		p := dirsync.Page{Stream: dirsync.Users, Next: fmt.Sprint("u", n+1)}
		for m := range 200 {
			id := fmt.Sprintf("%08d-aaaa-bbbb-cccc-dddddddddddd", n*200+m)
			p.Objects = append(p.Objects, dirsync.Staged{ID: id, State: dirsync.Present, Patch: dirsync.Patch{
				"displayName": fmt.Appendf(nil, `"Somebody %d"`, m), "userPrincipalName": fmt.Appendf(nil, `"somebody%d@contoso.example"`, m),
				"accountEnabled": []byte("true"), "userType": []byte(`"Member"`), "department": []byte(`"Engineering"`), "jobTitle": []byte("null"),
				"proxyAddresses": fmt.Appendf(nil, `["SMTP:somebody%d@contoso.example","smtp:s%d@contoso.example"]`, m, m),
			}})
		}
		users = append(users, p)
	}
	users[len(users)-1].Next, users[len(users)-1].Delta = "", "ud"
	for n := range 300 {
		p := dirsync.Page{Stream: dirsync.Groups, Next: fmt.Sprint("g", n+1)}
		id := fmt.Sprintf("%08d-eeee-bbbb-cccc-dddddddddddd", n)
		p.Objects = []dirsync.Staged{{ID: id, State: dirsync.Present, Patch: dirsync.Patch{"displayName": []byte(`"A group"`)}}}
		for m := range 67 {
			p.Edges = append(p.Edges, dirsync.StagedEdge{Edge: dirsync.Edge{GroupID: id, MemberID: fmt.Sprintf("%08d-aaaa-bbbb-cccc-dddddddddddd", (n*67+m)%5000)}, MemberKind: "user"})
		}
		groups = append(groups, p)
	}
	groups[len(groups)-1].Next, groups[len(groups)-1].Delta = "", "gd"

	for b.Loop() {
		b.StopTimer()
		w := newBenchWorld(b)
		b.StartTimer()
		for round := range 2 {
			start, err := w.BeginRun(b.Context(), worker, contract.BeginRun{Key: fmt.Sprint(round), Input: contract.DirectorySyncInput{IntegrationID: "i", Purpose: domain.RunScheduled}})
			if err != nil || start.Refused {
				b.Fatal(start, err)
			}
			if !start.Full {
				if _, err := w.ReadEverything(b.Context(), worker, start.RunID); err != nil {
					b.Fatal(err)
				}
			}
			p, err := w.ReadingOf(b.Context(), worker, start.RunID)
			for n := 0; err == nil && !p.Done; n++ {
				page := append(append([]dirsync.Page{}, users...), groups...)[n]
				p, err = w.StagePage(b.Context(), worker, start.RunID, p.Link, page)
			}
			var out service.Applied
			for err == nil {
				if out, err = w.ApplySlice(b.Context(), worker, start.RunID); !out.More {
					break
				}
			}
			if err != nil || out.Result.State != domain.RunDone {
				b.Fatal(out, err)
			}
		}
	}
}
