package directory

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestEverybodyIsFoundByName(t *testing.T) {
	for _, number := range []uint64{0, 1, 77} {
		d := New(Seed{Tenant: "t", Domain: "t.example", Number: number, Users: 3000}) // more than there are full names
		seen := map[string]bool{}
		for _, u := range d.Now().Users(0) {
			key := strings.ToLower(u.UserPrincipalName)
			require.False(t, seen[key], "two users are generated as %s", key)
			seen[key] = true
			found, err := d.User(strings.ToUpper(u.UserPrincipalName))
			require.NoError(t, err, u.UserPrincipalName)
			require.Equal(t, u.ID, found.ID)
		}
		for _, nobody := range []string{"", "x", "anna.schmidt1@t.example", "anna.schmidt0002@t.example", "anna.schmidt@u.example", "anna.schmidt99999999999999999999@t.example",
			"anna.schmidt_northwind.example#EXT#@u.example"} {
			_, err := d.User(nobody)
			require.Error(t, err, nobody)
		}
	}
}

func TestPrincipalNamesAreUnique(t *testing.T) {
	d := New(Seed{Tenant: "t", Domain: "t.example", Users: 20})
	generated := d.userAt(3)
	taken := strings.ToUpper(generated.UserPrincipalName)
	id := uuid.NewString()
	refused := "Another object with the same value for property userPrincipalName already exists."
	require.EqualError(t, d.Apply(Mutation{Op: OpCreateUser, User: &User{ID: id, DisplayName: "A", UserPrincipalName: taken}}), refused)
	require.NoError(t, d.Apply(Mutation{Op: OpCreateUser, User: &User{ID: id, DisplayName: "A", UserPrincipalName: "a@t.example"}}))
	require.EqualError(t, d.Apply(Mutation{Op: OpRename, ID: id, Name: taken}), refused)
	require.EqualError(t, d.Apply(Mutation{Op: OpUpdateUser, ID: id, Set: Patch{"userPrincipalName": taken}}), refused)
	require.NoError(t, d.Apply(Mutation{Op: OpRename, ID: id, Name: "A@t.example"}), "one's own name in other letters")

	before := d.Sequence()
	require.NoError(t, d.Apply(Mutation{Op: OpDeleteUser, ID: generated.ID}))
	require.NoError(t, d.Apply(Mutation{Op: OpRename, ID: id, Name: taken}), "the name of somebody deleted is free")
	require.EqualError(t, d.Apply(Mutation{Op: OpRestore, ID: generated.ID}), refused, "and not given back")
	found, err := d.User(taken)
	require.NoError(t, err)
	require.Equal(t, id, found.ID)
	old, err := d.At(before).User(taken)
	require.NoError(t, err)
	require.Equal(t, generated.ID, old.ID, "whoever has not heard of it finds the former holder")
	was, err := d.At(before).User("a@T.example")
	require.NoError(t, err)
	require.Equal(t, id, was.ID)
	_, err = d.User("a@t.example")
	require.Error(t, err)
	require.NoError(t, d.Apply(Mutation{Op: OpRename, ID: id, Name: "b@t.example"}))
	require.NoError(t, d.Apply(Mutation{Op: OpRestore, ID: generated.ID}))
}

func TestOwnersAndManagersFollowTheRecycleBin(t *testing.T) {
	d := New(Seed{Tenant: "t", Domain: "t.example", Users: 4, Groups: 2})
	user := func(i int) string { return d.objects[i].id.String() }
	group := d.objects[4].id.String()
	require.NoError(t, d.Apply(Mutation{Op: OpSetManager, ID: user(0), MemberID: user(1)}))
	require.NoError(t, d.Apply(Mutation{Op: OpAddOwner, ID: group, MemberID: user(1)}))
	stood := d.Dump()
	require.Len(t, stood.Managers, 1)
	require.Len(t, stood.Owners, 1)
	for _, m := range []Mutation{{Op: OpDeleteUser, ID: user(1)}, {Op: OpDeleteUser, ID: user(0)}, {Op: OpDeleteGroup, ID: group}} {
		require.NoError(t, d.Apply(m))
		require.NotEqual(t, stood, d.Dump())
		require.NoError(t, d.Apply(Mutation{Op: OpRestore, ID: m.ID}))
		require.Equal(t, stood, d.Dump(), m.Op)
	}
	require.NoError(t, d.Apply(Mutation{Op: OpDeleteUser, ID: user(1)}))
	require.NoError(t, d.Apply(Mutation{Op: OpSetManager, ID: user(0), MemberID: user(2)}))
	require.NoError(t, d.Apply(Mutation{Op: OpRestore, ID: user(1)}))
	require.Equal(t, []Manager{{UserID: user(0), ManagerID: user(2)}}, d.Dump().Managers, "there is one manager, the newer")
	for _, m := range []Mutation{{Op: OpSetManager, ID: user(0), MemberID: user(0)}, {Op: OpAddOwner, ID: group, MemberID: user(1)},
		{Op: OpAddOwner, ID: group, MemberID: d.objects[5].id.String()}, {Op: OpRemoveOwner, ID: group, MemberID: user(3)}, {Op: OpDropManager, ID: user(3)}} {
		require.Error(t, d.Apply(m), m)
	}
}
