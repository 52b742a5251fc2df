package mirror_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store"
	"consentry/internal/store/storetest"
)

const integration = "int_1"

// suite is what service.Mirror promises.
var suite = []struct {
	name string
	test func(t *testing.T, s *store.Store)
}{
	{"a cursor is kept and forgotten with its staging", aCursorIsKeptAndForgottenWithItsStaging},
	{"a staged row comes back as it was put", aStagedRowComesBackAsItWasPut},
	{"a delta staging removes only what it names and a full one sweeps", aDeltaStagingRemovesOnlyWhatItNamesAndAFullOneSweeps},
	{"puts leave out what is the same only in a full staging", putsLeaveOutWhatIsTheSameOnlyInAFullStaging},
	{"a comparison counts and names every kind of difference", aComparisonCountsAndNamesEveryKindOfDifference},
	{"a comparison shows at most twenty examples of a change", aComparisonShowsAtMostTwentyExamplesOfAChange},
	{"before images restore exactly", beforeImagesRestoreExactly},
	{"memberships leave with their ends", membershipsLeaveWithTheirEnds},
	{"links belong to the app that made them", linksBelongToTheAppThatMadeThem},
	{"a page that names something twice keeps the later word", aPageThatNamesSomethingTwice},
	{"more rows than a statement takes", moreRowsThanAStatementTakes},
	{"awkward names settle", awkwardNamesSettle},
	{"large records are taken", largeRecordsAreTaken},
	{"more images than are held at once", moreImagesThanAreHeldAtOnce},
}

func TestConformance(t *testing.T) {
	storetest.Each(t, func(t *testing.T, e storetest.Engine) {
		t.Helper()
		for _, c := range suite {
			t.Run(c.name, func(t *testing.T) { c.test(t, storetest.At(t, storetest.Database(t, e))) })
		}
	})
}

func write(t require.TestingT, s *store.Store, fn func(m service.Mirror)) {
	require.NoError(t, s.Write(context.Background(), func(r service.Rows) error { fn(r.Mirror()); return nil }))
}

func person(id, name string) dirsync.Staged {
	return dirsync.Staged{ID: id, State: dirsync.Present, Patch: dirsync.Patch{"displayName": fmt.Appendf(nil, "%q", name)}}
}

func gone(id string) dirsync.Staged { return dirsync.Staged{ID: id, State: dirsync.Gone} }

func edge(group, member string) dirsync.Edge { return dirsync.Edge{GroupID: group, MemberID: member} }

func stands(e dirsync.Edge) dirsync.StagedEdge {
	return dirsync.StagedEdge{Edge: e, MemberKind: "user"}
}

func ended(e dirsync.Edge) dirsync.StagedEdge { return dirsync.StagedEdge{Edge: e, Removed: true} }

// hold puts users and memberships into the mirror.
func hold(t require.TestingT, m service.Mirror, integrationID string, users []dirsync.Staged, edges ...dirsync.Edge) {
	var objects []dirsync.Object
	for _, u := range users {
		o, err := u.Record()
		require.NoError(t, err)
		objects = append(objects, o)
	}
	require.NoError(t, m.Put(integrationID, dirsync.Users, objects))
	for _, e := range edges {
		require.NoError(t, m.PutEdges(integrationID, []dirsync.StagedEdge{stands(e)}))
	}
}

// world is everything an integration's mirror holds.
func world(t require.TestingT, m service.Mirror, integrationID string) map[string]string {
	out := map[string]string{}
	for _, s := range dirsync.Streams {
		objects, err := m.Objects(integrationID, s, "", 1_000_000)
		require.NoError(t, err)
		for _, o := range objects {
			out[string(s)+"/"+o.ID] = o.Name + string(o.Data) + o.Hash
		}
	}
	edges, err := m.Edges(integrationID, dirsync.Edge{}, 1_000_000)
	require.NoError(t, err)
	for _, e := range edges {
		out[e.GroupID+">"+e.MemberID] = e.MemberKind
	}
	return out
}

func aCursorIsKeptAndForgottenWithItsStaging(t *testing.T, s *store.Store) {
	t.Helper()
	write(t, s, func(m service.Mirror) {
		_, err := m.Cursor("run")
		require.True(t, domain.IsNotFound(err))
		c := dirsync.Cursor{RunID: "run", StageID: "stage", Users: dirsync.Position{Next: "n"}, Apply: dirsync.Applied{Step: dirsync.StepPutUsers, After: edge("g", "m")}}
		require.NoError(t, m.PutCursor(c))
		c.Users = dirsync.Position{Delta: "d"}
		require.NoError(t, m.PutCursor(c))
		got, err := m.Cursor("run")
		require.NoError(t, err)
		require.Equal(t, c, got)
		require.NoError(t, m.Stage("stage", dirsync.Users, []dirsync.Staged{person("a", "Ann")}))
		require.NoError(t, m.DropStage("stage"))
		_, err = m.Cursor("run")
		require.True(t, domain.IsNotFound(err))
		left, err := m.Staged("stage", dirsync.Users, []string{"a"})
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

func aStagedRowComesBackAsItWasPut(t *testing.T, s *store.Store) {
	t.Helper()
	write(t, s, func(m service.Mirror) {
		in := dirsync.Staged{ID: "a", State: dirsync.Excluded, Fresh: true, Patch: dirsync.Patch{"mail": []byte("null"), "displayName": []byte(`"O'Neil ? \"x\" \\ é"`)}}
		require.NoError(t, m.Stage("st", dirsync.Groups, []dirsync.Staged{person("a", "before")}))
		require.NoError(t, m.Stage("st", dirsync.Groups, []dirsync.Staged{in, gone("b")}))
		got, err := m.Staged("st", dirsync.Groups, []string{"a", "b", "c"})
		require.NoError(t, err)
		require.Equal(t, map[string]dirsync.Staged{"a": in, "b": {ID: "b", State: dirsync.Gone}}, got)

		require.NoError(t, m.StageEdges("st", []dirsync.StagedEdge{stands(edge("g", "a")), ended(edge("g", "b"))}))
		edges, err := m.StagedEdges("st", []dirsync.Edge{edge("g", "a"), edge("g", "b"), edge("g", "c")})
		require.NoError(t, err)
		require.Equal(t, map[dirsync.Edge]bool{edge("g", "a"): true, edge("g", "b"): false}, edges)
	})
}

func aDeltaStagingRemovesOnlyWhatItNamesAndAFullOneSweeps(t *testing.T, s *store.Store) {
	t.Helper()
	write(t, s, func(m service.Mirror) {
		hold(t, m, integration, []dirsync.Staged{person("a", "A"), person("b", "B"), person("c", "C"), person("d", "D")}, edge("g", "a"), edge("g", "b"), edge("g", "c"))
		hold(t, m, "another", []dirsync.Staged{person("z", "Z")}, edge("g", "z"))
		out := person("d", "D")
		out.State = dirsync.Excluded
		require.NoError(t, m.Stage("st", dirsync.Users, []dirsync.Staged{person("a", "A"), gone("b"), gone("unknown"), out}))
		require.NoError(t, m.StageEdges("st", []dirsync.StagedEdge{stands(edge("g", "a")), ended(edge("g", "b")), ended(edge("g", "x"))}))

		for _, c := range []struct {
			full  bool
			users []service.MirrorMissing
			edges []dirsync.Edge
		}{
			{false, []service.MirrorMissing{{ID: "b"}, {ID: "d", Excluded: true}}, []dirsync.Edge{edge("g", "b")}},
			{true, []service.MirrorMissing{{ID: "b"}, {ID: "c"}, {ID: "d", Excluded: true}}, []dirsync.Edge{edge("g", "b"), edge("g", "c")}},
		} {
			users, err := m.Missing("st", integration, dirsync.Users, c.full, "", 10)
			require.NoError(t, err)
			require.Equal(t, c.users, users)
			n, err := m.CountMissing("st", integration, dirsync.Users, c.full)
			require.NoError(t, err)
			require.EqualValues(t, len(c.users), n)
			edges, err := m.MissingEdges("st", integration, c.full, dirsync.Edge{}, 10)
			require.NoError(t, err)
			require.Equal(t, c.edges, edges)
			n, err = m.CountMissingEdges("st", integration, c.full)
			require.NoError(t, err)
			require.EqualValues(t, len(c.edges), n)
			after, err := m.Missing("st", integration, dirsync.Users, c.full, "b", 1)
			require.NoError(t, err)
			require.Equal(t, c.users[1:2], after)
		}
	})
}

func putsLeaveOutWhatIsTheSameOnlyInAFullStaging(t *testing.T, s *store.Store) {
	t.Helper()
	write(t, s, func(m service.Mirror) {
		hold(t, m, integration, []dirsync.Staged{person("a", "A"), person("b", "B")}, edge("g", "a"))
		require.NoError(t, m.Stage("st", dirsync.Users, []dirsync.Staged{person("a", "A"), person("b", "new"), person("c", "C"), gone("d")}))
		require.NoError(t, m.StageEdges("st", []dirsync.StagedEdge{stands(edge("g", "a")), stands(edge("g", "b")), ended(edge("g", "c"))}))
		ids := func(full bool, after string) (out []string) {
			puts, err := m.Puts("st", integration, dirsync.Users, full, after, 10)
			require.NoError(t, err)
			for _, p := range puts {
				require.Equal(t, p.Staged.ID != "c", p.Held != nil, "what is held comes along")
				out = append(out, p.Staged.ID)
			}
			return out
		}
		require.Equal(t, []string{"b", "c"}, ids(true, ""))
		require.Equal(t, []string{"a", "b", "c"}, ids(false, ""))
		require.Equal(t, []string{"c"}, ids(false, "b"))
		edges, err := m.NewEdges("st", integration, dirsync.Edge{}, 10)
		require.NoError(t, err)
		require.Equal(t, []dirsync.StagedEdge{stands(edge("g", "b"))}, edges)
	})
}

func aComparisonCountsAndNamesEveryKindOfDifference(t *testing.T, s *store.Store) {
	t.Helper()
	write(t, s, func(m service.Mirror) {
		hold(t, m, integration, []dirsync.Staged{person("a", "A"), person("b", "B"), person("c", "C")}, edge("g", "a"), edge("g", "b"))
		require.NoError(t, m.Stage("st", dirsync.Users, []dirsync.Staged{person("a", "A"), person("b", "Bea"), person("d", "D")}))
		require.NoError(t, m.Stage("st", dirsync.Groups, []dirsync.Staged{person("g", "G")}))
		require.NoError(t, m.StageEdges("st", []dirsync.StagedEdge{stands(edge("g", "a")), stands(edge("g", "d"))}))
		p, err := m.Compare("st", integration)
		require.NoError(t, err)
		require.Equal(t, dirsync.Parity{
			Mirror:  domain.Counts{Users: 3, Memberships: 2},
			Reading: domain.Counts{Users: 3, Groups: 1, Memberships: 2},
			Added:   domain.Counts{Users: 1, Groups: 1, Memberships: 1},
			Changed: domain.Counts{Users: 1},
			Removed: domain.Counts{Users: 1, Memberships: 1},
			Examples: []domain.Difference{
				{Kind: "user", Change: "added", ObjectID: "d", Name: "D"},
				{Kind: "user", Change: "changed", ObjectID: "b", Name: "Bea", Fields: []string{"displayName"}},
				{Kind: "user", Change: "removed", ObjectID: "c", Name: "C"},
				{Kind: "group", Change: "added", ObjectID: "g", Name: "G"},
				{Kind: "membership", Change: "added", ObjectID: "g", MemberID: "d"},
				{Kind: "membership", Change: "removed", ObjectID: "g", MemberID: "b"},
			},
		}, p)
	})
}

func aComparisonShowsAtMostTwentyExamplesOfAChange(t *testing.T, s *store.Store) {
	t.Helper()
	write(t, s, func(m service.Mirror) {
		var many []dirsync.Staged
		for i := range 30 {
			many = append(many, person(fmt.Sprintf("u%02d", i), "N"))
		}
		require.NoError(t, m.Stage("st", dirsync.Users, many))
		p, err := m.Compare("st", integration)
		require.NoError(t, err)
		require.EqualValues(t, 30, p.Added.Users)
		require.Len(t, p.Examples, dirsync.ExamplesPerChange)
	})
}

// beforeImagesRestoreExactly: whatever is written after the first image of
// each row, restoring gives the mirror back as it was, byte by byte, and leaves
// other integrations alone.
func beforeImagesRestoreExactly(t *testing.T, s *store.Store) {
	t.Helper()
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		mine, other, migration := fmt.Sprint("mine", round), fmt.Sprint("other", round), fmt.Sprint("mig", round)
		id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
		draw := func(label string) []dirsync.Staged {
			return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) dirsync.Staged {
				return person(id.Draw(t, "id"), rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "name"))
			}), 0, 5, func(s dirsync.Staged) string { return s.ID }).Draw(t, label)
		}
		write(t, s, func(m service.Mirror) {
			start := draw("start")
			hold(t, m, mine, start, edge("g", id.Draw(t, "member")))
			hold(t, m, other, start, edge("g", "a"))
			before, elsewhere := world(t, m, mine), world(t, m, other)
			for range rapid.IntRange(1, 3).Draw(t, "slices") {
				var images []service.MirrorPut
				next := draw("next")
				var objects []dirsync.Object
				for _, n := range next {
					held := map[string]dirsync.Object{}
					all, err := m.Objects(mine, dirsync.Users, "", 100)
					require.NoError(t, err)
					for _, o := range all {
						held[o.ID] = o
					}
					put := service.MirrorPut{Staged: n}
					if o, ok := held[n.ID]; ok {
						put.Held = &o
					}
					images = append(images, put)
					o, err := n.Record()
					require.NoError(t, err)
					objects = append(objects, o)
				}
				require.NoError(t, m.KeepBefore(migration, mine, dirsync.Users, images))
				require.NoError(t, m.Put(mine, dirsync.Users, objects))
				require.NoError(t, m.StageEdges(migration, []dirsync.StagedEdge{stands(edge("g", id.Draw(t, "new member")))}))
				added, err := m.NewEdges(migration, mine, dirsync.Edge{}, 10)
				require.NoError(t, err)
				require.NoError(t, m.KeepEdgesBefore(migration, mine, added))
				require.NoError(t, m.PutEdges(mine, added))
			}
			require.NoError(t, m.RestoreBefore(migration))
			require.Equal(t, before, world(t, m, mine))
			require.Equal(t, elsewhere, world(t, m, other))
			require.NoError(t, m.RestoreBefore(migration), "restoring twice is harmless")
			require.Equal(t, before, world(t, m, mine))
		})
	})
}

func membershipsLeaveWithTheirEnds(t *testing.T, s *store.Store) {
	t.Helper()
	write(t, s, func(m service.Mirror) {
		hold(t, m, integration, nil, edge("g", "a"), edge("g", "h"), edge("h", "a"), edge("h", "b"))
		n, err := m.RemoveEdgesOf(integration, dirsync.Users, []string{"b"})
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		n, err = m.RemoveEdgesOf(integration, dirsync.Groups, []string{"h"})
		require.NoError(t, err)
		require.EqualValues(t, 2, n, "as a group and as a member")
		require.Equal(t, map[string]string{"g>a": "user"}, world(t, m, integration))
		require.NoError(t, m.RemoveEdges(integration, []dirsync.Edge{edge("g", "a")}))
		require.Empty(t, world(t, m, integration))
	})
}

func linksBelongToTheAppThatMadeThem(t *testing.T, s *store.Store) {
	t.Helper()
	write(t, s, func(m service.Mirror) {
		require.NoError(t, m.PutLink(integration, dirsync.Users, "legacy", "l1"))
		require.NoError(t, m.PutLink(integration, dirsync.Users, "legacy", "l2"))
		require.NoError(t, m.PutLink(integration, dirsync.Users, "cell", "c1"))
		link := func(s dirsync.Stream, client string) string {
			l, err := m.Link(integration, s, client)
			require.NoError(t, err)
			return l
		}
		require.Equal(t, "l2", link(dirsync.Users, "legacy"))
		require.Empty(t, link(dirsync.Groups, "legacy"))
		require.NoError(t, m.DropLinks(integration, "cell"))
		require.Empty(t, link(dirsync.Users, "cell"))
		require.Equal(t, "l2", link(dirsync.Users, "legacy"))
	})
}

func aPageThatNamesSomethingTwice(t *testing.T, s *store.Store) {
	t.Helper()
	write(t, s, func(m service.Mirror) {
		require.NoError(t, m.Stage("st", dirsync.Users, []dirsync.Staged{person("a", "first"), person("b", "B"), person("a", "last")}))
		staged, err := m.Staged("st", dirsync.Users, []string{"a", "b"})
		require.NoError(t, err)
		require.Equal(t, map[string]dirsync.Staged{"a": person("a", "last"), "b": person("b", "B")}, staged)
		require.NoError(t, m.StageEdges("st", []dirsync.StagedEdge{stands(edge("g", "a")), ended(edge("g", "a"))}))
		edges, err := m.StagedEdges("st", []dirsync.Edge{edge("g", "a")})
		require.NoError(t, err)
		require.Equal(t, map[dirsync.Edge]bool{edge("g", "a"): false}, edges)
		hold(t, m, integration, []dirsync.Staged{person("a", "first"), person("a", "last")})
		require.NoError(t, m.PutEdges(integration, []dirsync.StagedEdge{stands(edge("g", "a")), stands(edge("g", "a"))}))
		require.Len(t, world(t, m, integration), 2)
	})
}

// The number is beyond the parameters that PostgreSQL takes (65,535) and the
// statement beyond the bytes that SQLite takes.
func moreRowsThanAStatementTakes(t *testing.T, s *store.Store) {
	t.Helper()
	const objects, memberships = 2_100, 10_100
	write(t, s, func(m service.Mirror) {
		var people []dirsync.Staged
		var edges []dirsync.StagedEdge
		var ids []string
		for i := range memberships {
			id := fmt.Sprintf("%06d", i)
			ids = append(ids, id)
			if i < objects {
				people = append(people, person(id, "Name of "+id))
			}
			edges = append(edges, stands(edge("g", id)))
		}
		require.NoError(t, m.Stage("st", dirsync.Users, people))
		require.NoError(t, m.StageEdges("st", edges))
		found, err := m.Staged("st", dirsync.Users, ids)
		require.NoError(t, err)
		require.Len(t, found, objects)
		added, err := m.NewEdges("st", integration, dirsync.Edge{}, memberships)
		require.NoError(t, err)
		require.NoError(t, m.PutEdges(integration, added))
		counts, err := m.Counts(integration)
		require.NoError(t, err)
		require.EqualValues(t, memberships, counts.Memberships)
		ended, err := m.RemoveEdgesOf(integration, dirsync.Users, ids)
		require.NoError(t, err)
		require.EqualValues(t, memberships, ended)
	})
}
