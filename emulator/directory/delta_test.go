package directory

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// reader keeps a copy of a directory from delta pages alone, as a client would.
type reader struct {
	users  map[string]User
	groups map[string]Group
	edges  map[Membership]bool
	links  map[[2]string]bool // owners of groups, managers of users
}

func newReader() *reader {
	return &reader{users: map[string]User{}, groups: map[string]Group{}, edges: map[Membership]bool{}, links: map[[2]string]bool{}}
}

func (r *reader) take(items []Item) {
	for _, item := range items {
		for _, m := range item.Links {
			if m.Removed {
				delete(r.links, [2]string{item.ID, m.ID})
			} else {
				r.links[[2]string{item.ID, m.ID}] = true
			}
		}
		if item.Removed != "" { // and with its owners or manager
			maps.DeleteFunc(r.links, func(link [2]string, _ bool) bool { return link[0] == item.ID })
		}
		switch {
		case item.Removed != "" && item.Kind == KindUser:
			delete(r.users, item.ID)
		case item.Removed != "":
			delete(r.groups, item.ID)
			for edge := range r.edges { // a client drops a removed group with its memberships
				if edge.GroupID == item.ID {
					delete(r.edges, edge)
				}
			}
		case item.User != nil:
			r.users[item.ID] = *item.User
		default:
			r.groups[item.ID] = *item.Group
			for _, m := range item.Members {
				edge := Membership{GroupID: item.ID, MemberID: m.ID, MemberType: m.Kind.String()}
				if m.Removed {
					delete(r.edges, edge)
				} else {
					r.edges[edge] = true
				}
			}
		}
	}
}

func (r *reader) requireSame(t require.TestingT, want Dump) {
	require.Len(t, r.users, len(want.Users))
	for _, u := range want.Users {
		require.Equal(t, u, r.users[u.ID])
	}
	require.Len(t, r.groups, len(want.Groups))
	for _, g := range want.Groups {
		require.Equal(t, g, r.groups[g.ID])
	}
	require.Len(t, r.edges, len(want.Memberships))
	for _, edge := range want.Memberships {
		require.True(t, r.edges[edge], "missing %v", edge)
	}
	links := map[[2]string]bool{}
	for _, o := range want.Owners {
		links[[2]string{o.GroupID, o.MemberID}] = true
	}
	for _, m := range want.Managers {
		links[[2]string{m.UserID, m.ManagerID}] = true
	}
	require.Equal(t, links, r.links)
}

// mutateOnce draws a mutation that is often, not always, possible.
func mutateOnce(t *rapid.T, d *Directory, ids []string) []string {
	id := rapid.SampledFrom(ids).Draw(t, "id")
	switch op := rapid.SampledFrom([]string{OpCreateUser, OpUpdateUser, OpDeleteUser, OpCreateGroup, OpUpdateGroup, OpDeleteGroup,
		OpRestore, OpPurge, OpAddMember, OpAddMember, OpRemoveMember, OpRemoveMember, OpRename, OpMoveMember, OpAddOwner, OpAddOwner, OpRemoveOwner,
		OpSetManager, OpSetManager, OpDropManager}).Draw(t, "op"); op {
	case OpCreateUser:
		made := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, len(ids))).String()
		if d.Apply(Mutation{Op: op, User: &User{ID: made, DisplayName: "N", UserPrincipalName: "n" + made}}) == nil {
			ids = append(ids, made)
		}
	case OpCreateGroup:
		made := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, len(ids))).String()
		if d.Apply(Mutation{Op: op, Group: &Group{ID: made, DisplayName: "G"}}) == nil {
			ids = append(ids, made)
		}
	case OpUpdateUser, OpUpdateGroup:
		_ = d.Apply(Mutation{Op: op, ID: id, Set: Patch{"displayName": rapid.SampledFrom([]any{"A", "B", "C"}).Draw(t, "name"), "mail": nil}})
	case OpRename:
		_ = d.Apply(Mutation{Op: op, ID: id, Name: rapid.SampledFrom([]string{"a@t.example", "b@t.example"}).Draw(t, "name")})
	default:
		_ = d.Apply(Mutation{Op: op, ID: id, To: rapid.SampledFrom(ids).Draw(t, "to"), MemberID: rapid.SampledFrom(ids).Draw(t, "member")})
	}
	return ids
}

func TestApplyingEveryDeltaGivesTheDirectory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := Seed{Tenant: "t", Domain: "t.example", Number: rapid.Uint64().Draw(t, "seed"),
			Users: rapid.IntRange(1, 12).Draw(t, "users"), Groups: rapid.IntRange(1, 16).Draw(t, "groups")}
		d := New(seed)
		var ids []string
		for _, o := range d.objects {
			ids = append(ids, o.id.String())
		}
		limits := Limits{Objects: rapid.IntRange(1, 9).Draw(t, "page"), Members: rapid.IntRange(1, 7).Draw(t, "members"), Chunk: rapid.IntRange(0, 3).Draw(t, "chunk")}
		replay, shuffled, tombstones := rapid.IntRange(0, 8).Draw(t, "replay"), rapid.Bool().Draw(t, "shuffled"), rapid.Bool().Draw(t, "tombstones")
		r := newReader()
		place := map[Kind]uint32{}
		round := func(kind Kind, quiet bool) {
			cursor, ok := d.Now().Since(place[kind])
			require.True(t, ok)
			if _, started := place[kind]; !started {
				cursor = d.Now().Start()
			}
			if cursor = cursor.Again(replay); shuffled {
				cursor = cursor.Shuffled()
			}
			all := tableSet(kind, false) | Relations
			for !cursor.Done() {
				var items []Item
				items, cursor = d.Now().Page(Query{Kind: kind, Select: all, Tombstones: tombstones}, cursor, limits)
				r.take(items)
				if !quiet && rapid.Bool().Draw(t, "interleave") {
					ids = mutateOnce(t, d, ids)
				}
			}
			place[kind] = cursor.Until
		}
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			round(KindUser, false)
			round(KindGroup, false)
			for range rapid.IntRange(0, 12).Draw(t, "mutations") {
				ids = mutateOnce(t, d, ids)
			}
		}
		round(KindUser, true)
		round(KindGroup, true)
		r.requireSame(t, d.Dump())
	})
}

// dumpOf is a directory as one of its views tells it.
func dumpOf(t require.TestingT, v View) Dump {
	dump := Dump{Users: []User{}, Groups: []Group{}, Memberships: []Membership{}}
	for _, u := range v.Users(0) {
		dump.Users = append(dump.Users, *u)
	}
	for _, g := range v.Groups(0) {
		dump.Groups = append(dump.Groups, *g)
		members, err := v.Members(g.ID, 0)
		require.NoError(t, err)
		for _, m := range members {
			edge := Membership{GroupID: g.ID, MemberType: "user"}
			if m.Group != nil {
				edge.MemberType, edge.MemberID = "group", m.Group.ID
			} else {
				edge.MemberID = m.User.ID
			}
			dump.Memberships = append(dump.Memberships, edge)
		}
		owners, err := v.Owners(g.ID, 0)
		require.NoError(t, err)
		for _, m := range owners {
			dump.Owners = append(dump.Owners, Membership{GroupID: g.ID, MemberID: m.User.ID, MemberType: "user"})
		}
	}
	for _, u := range dump.Users {
		reports, err := v.Reports(u.ID, 0)
		require.NoError(t, err)
		for _, m := range reports {
			manager, err := v.Manager(m.User.ID)
			require.NoError(t, err)
			require.Equal(t, u.ID, manager.ID)
			dump.Managers = append(dump.Managers, Manager{UserID: m.User.ID, ManagerID: u.ID})
		}
	}
	return dump.ordered()
}

func TestViewsShowTheDirectoryAsItStood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := New(Seed{Tenant: "t", Domain: "t.example", Users: 5, Groups: 6})
		var ids []string
		for _, o := range d.objects {
			ids = append(ids, o.id.String())
		}
		stood := map[uint32]Dump{0: d.Dump()}
		for i := range 20 {
			ids = mutateOnce(t, d, ids)
			d.Stamp(epoch.Add(time.Duration(i) * time.Second))
			stood[d.Sequence()] = d.Dump()
			require.Equal(t, d.Sequence(), d.SequenceAt(epoch.Add(time.Duration(i)*time.Second)))
		}
		for seq, dump := range stood {
			require.Equal(t, dump, dumpOf(t, d.At(seq)), "after change %d", seq)
		}
		require.Equal(t, d.Dump(), dumpOf(t, d.Now()))
		require.Zero(t, d.SequenceAt(epoch.Add(-time.Second)))
		require.Equal(t, len(d.Dump().Users), d.People())
	})
}

func TestReaderAheadOfAReplicaIsNotSetBack(t *testing.T) {
	d := New(Seed{Tenant: "t", Domain: "t.example", Users: 2, Groups: 1})
	user := d.objects[0].id.String()
	require.NoError(t, d.Apply(Mutation{Op: OpUpdateUser, ID: user, Set: Patch{"city": "Oslo"}}))
	ahead := d.Sequence()
	require.NoError(t, d.Apply(Mutation{Op: OpUpdateUser, ID: user, Set: Patch{"city": "Bergen"}}))
	behind := d.At(0)
	cursor, ok := behind.Since(ahead)
	require.True(t, ok)
	require.True(t, cursor.Done())
	require.Equal(t, ahead, cursor.Until, "the next round begins where this one did")

	selected, err := Select(KindUser, "city", true)
	require.NoError(t, err)
	cursor, _ = d.At(ahead).Since(0)
	items, _ := d.At(ahead).Page(Query{Kind: KindUser, Select: selected}, cursor, Limits{Objects: 9, Members: 9})
	require.Len(t, items, 1)
	require.Equal(t, "Oslo", items[0].User.City)
}

func TestLargeGroupsComeAmongTheOthers(t *testing.T) {
	d := New(Seed{Tenant: "t", Domain: "t.example", Users: 30, Groups: 4})
	cursor := d.Now().Start()
	var order []string
	for !cursor.Done() {
		var items []Item
		items, cursor = d.Now().Page(Query{Kind: KindGroup, Select: MembersProperty}, cursor, Limits{Objects: 2, Members: 100, Chunk: 5})
		for _, item := range items {
			require.LessOrEqual(t, len(item.Members), 5)
			order = append(order, item.ID)
		}
	}
	staff := d.objects[30+allStaff].id.String()
	first, last := slices.Index(order, staff), len(order)-1
	for order[last] != staff {
		last--
	}
	require.Greater(t, len(slices.Compact(slices.Clone(order[first:last]))), 2, "another group stands between two chunks of one: %v", order)
}

func TestRenamingMovesTheAddressAndKeepsTheOldOne(t *testing.T) {
	d := New(Seed{})
	id := uuid.NewString()
	require.NoError(t, d.Apply(Mutation{Op: OpCreateUser, User: &User{ID: id, DisplayName: "A", UserPrincipalName: "old@t.example",
		Mail: "old@t.example", ProxyAddresses: []string{"SMTP:old@t.example", "smtp:alias@t.example"}}}))
	require.NoError(t, d.Apply(Mutation{Op: OpRename, ID: id, Name: "new@t.example"}))
	u, err := d.User(id)
	require.NoError(t, err)
	require.Equal(t, "new@t.example", u.UserPrincipalName)
	require.Equal(t, "new@t.example", u.Mail)
	require.Equal(t, "new", u.MailNickname)
	require.Equal(t, []string{"SMTP:new@t.example", "smtp:old@t.example", "smtp:alias@t.example"}, u.ProxyAddresses)
	require.Error(t, d.Apply(Mutation{Op: OpRename, ID: id, Name: "no address"}))
}

func TestMovingAMemberIsOneMutation(t *testing.T) {
	d := New(Seed{Tenant: "t", Domain: "t.example", Users: 3, Groups: 2})
	staff, empty, user := d.objects[3+allStaff].id.String(), d.objects[3+emptyGroup].id.String(), d.objects[0].id.String()
	require.NoError(t, d.Apply(Mutation{Op: OpMoveMember, ID: staff, MemberID: user, To: empty}))
	dump := d.Dump()
	require.Contains(t, dump.Memberships, Membership{GroupID: empty, MemberID: user, MemberType: "user"})
	require.NotContains(t, dump.Memberships, Membership{GroupID: staff, MemberID: user, MemberType: "user"})
	require.Error(t, d.Apply(Mutation{Op: OpMoveMember, ID: staff, MemberID: user, To: empty}), "no longer there")
}

func TestSeedTellsTheSameDirectoryEveryTime(t *testing.T) {
	seed := Seed{Tenant: "11111111-1111-4111-8111-111111111111", Domain: "contoso.example", Number: 7, Users: 500, Groups: 40}
	first, second := New(seed).Dump(), New(seed).Dump()
	require.Equal(t, first, second)
	require.Len(t, first.Users, 500)
	require.Len(t, first.Groups, 40)

	other := seed
	other.Tenant = "22222222-2222-4222-8222-222222222222"
	require.NotEqual(t, first.Users[0].ID, New(other).Dump().Users[0].ID)

	names, ids := map[string]bool{}, map[string]bool{}
	var guests, disabled, aliased, synced int
	for _, u := range first.Users {
		names[u.UserPrincipalName], ids[u.ID] = true, true
		if u.UserType == "Guest" {
			guests++
		}
		if !u.AccountEnabled {
			disabled++
		}
		if len(u.ProxyAddresses) > 1 {
			aliased++
		}
		if u.OnPremisesSyncEnabled != nil {
			synced++
		}
	}
	require.Len(t, names, 500)
	require.Len(t, ids, 500)
	for what, n := range map[string]int{"guests": guests, "disabled": disabled, "aliased": aliased, "on-premises": synced} {
		require.Positive(t, n, what)
	}
	members := map[string]int{}
	nested := 0
	for _, m := range first.Memberships {
		members[m.GroupID]++
		if m.MemberType == "group" {
			nested++
		}
	}
	require.Positive(t, nested)
	require.Less(t, len(members), 40, "one group is empty")
}

func TestDeltaShowsNothingOfPropertiesNobodySelected(t *testing.T) {
	d := New(Seed{Tenant: "t", Domain: "t.example", Users: 3, Groups: 3})
	id := d.objects[0].id.String()
	from := d.Sequence()
	require.NoError(t, d.Apply(Mutation{Op: OpUpdateUser, ID: id, Set: Patch{"jobTitle": "Captain"}}))

	mail, err := Select(KindUser, "mail", true)
	require.NoError(t, err)
	cursor, _ := d.Now().Since(from)
	items, _ := d.Now().Page(Query{Kind: KindUser, Select: mail}, cursor, Limits{Objects: 10, Members: 10})
	require.Empty(t, items)

	title, err := Select(KindUser, "jobTitle", true)
	require.NoError(t, err)
	items, _ = d.Now().Page(Query{Kind: KindUser, Select: title}, cursor, Limits{Objects: 10, Members: 10})
	require.Len(t, items, 1)
	require.JSONEq(t, `{"id":"`+id+`","jobTitle":"Captain"}`, "{"+string(AppendUser(nil, items[0].User, items[0].Show, items[0].Empties))+"}")
}

func TestClearedPropertyIsNullAndNeverSetIsAbsent(t *testing.T) {
	d := New(Seed{})
	id := uuid.NewString()
	require.NoError(t, d.Apply(Mutation{Op: OpCreateUser, User: &User{ID: id, DisplayName: "A", UserPrincipalName: "a", Mail: "a@b"}}))
	from := d.Sequence()
	require.NoError(t, d.Apply(Mutation{Op: OpUpdateUser, ID: id, Set: Patch{"mail": nil}}))

	selected, err := Select(KindUser, "id,displayName,mail,city", true)
	require.NoError(t, err)
	cursor, _ := d.Now().Since(from)
	items, _ := d.Now().Page(Query{Kind: KindUser, Select: selected}, cursor, Limits{Objects: 10, Members: 10})
	require.Len(t, items, 1)
	require.JSONEq(t, `{"id":"`+id+`","displayName":"A","mail":null}`, "{"+string(AppendUser(nil, items[0].User, items[0].Show, items[0].Empties))+"}")

	items, _ = d.Now().Page(Query{Kind: KindUser, Select: selected, Minimal: true}, cursor, Limits{Objects: 10, Members: 10})
	require.JSONEq(t, `{"id":"`+id+`","mail":null}`, "{"+string(AppendUser(nil, items[0].User, items[0].Show, items[0].Empties))+"}")
}

func TestRemovalTellsRecycledFromPurged(t *testing.T) {
	d := New(Seed{})
	id := uuid.NewString()
	require.NoError(t, d.Apply(Mutation{Op: OpCreateUser, User: &User{ID: id, DisplayName: "A", UserPrincipalName: "a"}}))
	removed := func(from uint32) string {
		cursor, _ := d.Now().Since(from)
		items, _ := d.Now().Page(Query{Kind: KindUser, Select: tableSet(KindUser, true)}, cursor, Limits{Objects: 10, Members: 10})
		require.Len(t, items, 1)
		return items[0].Removed
	}
	from := d.Sequence()
	require.NoError(t, d.Apply(Mutation{Op: OpDeleteUser, ID: id}))
	require.Equal(t, "changed", removed(from))
	require.NoError(t, d.Apply(Mutation{Op: OpRestore, ID: id}))
	require.Empty(t, removed(from))
	require.NoError(t, d.Apply(Mutation{Op: OpDeleteUser, ID: id}))
	require.NoError(t, d.Apply(Mutation{Op: OpPurge, ID: id}))
	require.Equal(t, "deleted", removed(from))
}

func TestMistakenMutationsChangeNothing(t *testing.T) {
	d := New(Seed{Tenant: "t", Domain: "t.example", Users: 2, Groups: 4})
	user, group := d.objects[0].id.String(), d.objects[2].id.String()
	for name, m := range map[string]Mutation{
		"unknown operation":   {Op: "explode"},
		"unknown user":        {Op: OpUpdateUser, ID: uuid.NewString()},
		"unknown property":    {Op: OpUpdateUser, ID: user, Set: Patch{"shoeSize": 44}},
		"wrong type":          {Op: OpUpdateUser, ID: user, Set: Patch{"accountEnabled": "yes"}},
		"group as user":       {Op: OpDeleteUser, ID: group},
		"taken id":            {Op: OpCreateUser, User: &User{ID: user, DisplayName: "A", UserPrincipalName: "a"}},
		"not an id":           {Op: OpDeleteUser, ID: "me"},
		"already a member":    {Op: OpAddMember, ID: group, MemberID: user},
		"member of itself":    {Op: OpAddMember, ID: group, MemberID: group},
		"restoring the alive": {Op: OpRestore, ID: user},
	} {
		before := d.Sequence()
		require.Error(t, d.Apply(m), name)
		require.Equal(t, before, d.Sequence(), name)
	}
}

func TestComingAndGoingWithinARoundIsNoNews(t *testing.T) {
	d := New(Seed{Tenant: "t", Domain: "t.example", Users: 3, Groups: 2})
	group, inside, outside := d.objects[3+emptyGroup].id.String(), d.objects[0].id.String(), d.objects[1].id.String()
	require.NoError(t, d.Apply(Mutation{Op: OpAddMember, ID: group, MemberID: inside}))
	from := d.Sequence()
	for _, m := range []Mutation{{Op: OpAddMember, ID: group, MemberID: outside}, {Op: OpRemoveMember, ID: group, MemberID: outside},
		{Op: OpRemoveMember, ID: group, MemberID: inside}, {Op: OpAddMember, ID: group, MemberID: inside}} {
		require.NoError(t, d.Apply(m))
	}
	cursor, _ := d.Now().Since(from)
	items, _ := d.Now().Page(Query{Kind: KindGroup, Select: MembersProperty}, cursor, Limits{Objects: 10, Members: 10})
	require.Len(t, items, 1)
	require.Equal(t, []MemberChange{{ID: inside, Kind: KindUser}}, items[0].Members)
}

func TestRecycleBinTakesAndGivesBackMemberships(t *testing.T) {
	d := New(Seed{Tenant: "t", Domain: "t.example", Users: 3, Groups: 2})
	staff, user := d.objects[3+allStaff].id.String(), d.objects[0].id.String()
	before := d.Dump()
	require.Len(t, before.Memberships, 3)

	require.NoError(t, d.Apply(Mutation{Op: OpDeleteUser, ID: user}))
	require.Len(t, d.Dump().Memberships, 2, "who is deleted leaves the groups")
	require.NoError(t, d.Apply(Mutation{Op: OpRestore, ID: user}))
	require.Equal(t, before, d.Dump())

	require.NoError(t, d.Apply(Mutation{Op: OpDeleteGroup, ID: staff}))
	require.Empty(t, d.Dump().Memberships)
	require.NoError(t, d.Apply(Mutation{Op: OpRestore, ID: staff}))
	require.Equal(t, before, d.Dump())

	require.NoError(t, d.Apply(Mutation{Op: OpDeleteUser, ID: user}))
	require.NoError(t, d.Apply(Mutation{Op: OpPurge, ID: user}))
	var missing *NotFoundError
	require.ErrorAs(t, d.Apply(Mutation{Op: OpRestore, ID: user}), &missing)
}

func TestCursorsOfEarlierVersionsAreRead(t *testing.T) {
	d := New(Seed{Tenant: "t", Domain: "t.example", Users: 3, Groups: 2})
	for _, city := range []string{"a", "b", "c"} {
		require.NoError(t, d.Apply(Mutation{Op: OpUpdateUser, ID: d.objects[0].id.String(), Set: Patch{"city": city}}))
	}
	var cursor Cursor
	require.NoError(t, json.Unmarshal([]byte(`{"s":1,"u":3,"a":false,"e":3,"n":1,"m":0}`), &cursor))
	fresh, ok := d.Now().Since(1)
	require.True(t, ok)
	require.Equal(t, fresh, cursor)
}
