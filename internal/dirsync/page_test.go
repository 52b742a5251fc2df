package dirsync_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/dirsync"
	"consentry/internal/domain"
)

const delta = `"@odata.deltaLink":"https://graph.example/v1.0/users/delta?$deltatoken=d"`

func TestAnAnswerThatIsNoDeltaPageIsATypedError(t *testing.T) {
	bodies := map[string]string{
		"an empty object":                `{}`,
		"nothing at all":                 ``,
		"a proxy's page":                 `<html><body>502 Bad Gateway</body></html>`,
		"null":                           `null`,
		"a list":                         `[]`,
		"a value that is null":           `{"value":null,` + delta + `}`,
		"a value that is an object":      `{"value":{},` + delta + `}`,
		"an element that is a text":      `{"value":["x"],` + delta + `}`,
		"neither link":                   `{"value":[]}`,
		"both links":                     `{"value":[],` + delta + `,"@odata.nextLink":"https://graph.example/next"}`,
		"a link that is a number":        `{"value":[],"@odata.deltaLink":7}`,
		"an object without id":           `{"value":[{"displayName":"A"}],` + delta + `}`,
		"an id that is a number":         `{"value":[{"id":7}],` + delta + `}`,
		"an id with a line break":        `{"value":[{"id":"a\nb"}],` + delta + `}`,
		"a name that is a number":        `{"value":[{"id":"a","displayName":7}],` + delta + `}`,
		"a flag that is a text":          `{"value":[{"id":"a","accountEnabled":"true"}],` + delta + `}`,
		"addresses that are no list":     `{"value":[{"id":"a","proxyAddresses":"smtp:a@x"}],` + delta + `}`,
		"a page cut off in the middle":   `{"value":[{"id":"a","displayName":"A"`,
		"an error in place of the page":  `{"error":{"code":"x","message":"y"}}`,
		"a page followed by another one": `{"value":[],` + delta + `}{}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			_, err := dirsync.DecodePage(dirsync.Users, []byte(body))
			var page *dirsync.PageError
			require.ErrorAs(t, err, &page)
			require.Equal(t, dirsync.Users, page.Stream)
			require.NotContains(t, err.Error(), "smtp:", "an answer must not be quoted")
		})
	}
}

func TestAMembershipChunkThatCannotBeReadIsATypedError(t *testing.T) {
	for name, members := range map[string]string{
		"a text":              `"x"`,
		"an object":           `{}`,
		"a member without id": `[{"@odata.type":"#microsoft.graph.user"}]`,
		"a member that is 7":  `[7]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dirsync.DecodePage(dirsync.Groups, []byte(`{"value":[{"id":"g","members@delta":`+members+`}],`+delta+`}`))
			var page *dirsync.PageError
			require.ErrorAs(t, err, &page)
		})
	}
}

func TestAPageKeepsNullApartFromAbsent(t *testing.T) {
	p, err := dirsync.DecodePage(dirsync.Users, []byte(`{"value":[{"id":"A1","displayName":"Ann","mail":null,"jobTitle":""}],`+delta+`}`))
	require.NoError(t, err)
	require.Len(t, p.Objects, 1)
	o := p.Objects[0]
	require.Equal(t, "a1", o.ID, "ids are compared in lower case")
	require.Equal(t, "null", string(o.Patch["mail"]))
	require.Equal(t, "null", string(o.Patch["jobTitle"]), "an empty text is no value")
	require.NotContains(t, o.Patch, "surname")

	held, err := dirsync.Staged{ID: "a1", Patch: dirsync.Patch{"mail": []byte(`"ann@x"`), "surname": []byte(`"Lee"`)}}.Record()
	require.NoError(t, err)
	next, changed, err := o.On(&held, false)
	require.NoError(t, err)
	require.True(t, changed)
	require.JSONEq(t, `{"displayName":"Ann","surname":"Lee"}`, string(next.Data), "null clears, absent keeps")
	next, _, err = o.On(&held, true)
	require.NoError(t, err)
	require.JSONEq(t, `{"displayName":"Ann"}`, string(next.Data), "in a full round absent means no value")
}

func TestBothReasonsOfRemovalTakeTheObjectAway(t *testing.T) {
	p, err := dirsync.DecodePage(dirsync.Users, []byte(`{"value":[
		{"id":"a","@removed":{"reason":"changed"}},{"id":"b","@removed":{"reason":"deleted"}},{"id":"c","@removed":null}],`+delta+`}`))
	require.NoError(t, err)
	require.Equal(t, []dirsync.State{dirsync.Gone, dirsync.Gone, dirsync.Present}, []dirsync.State{p.Objects[0].State, p.Objects[1].State, p.Objects[2].State})
}

func TestMembersOfOtherKindsAreSkippedAndNeverFatal(t *testing.T) {
	p, err := dirsync.DecodePage(dirsync.Groups, []byte(`{"value":[{"id":"g","members@delta":[
		{"@odata.type":"#microsoft.graph.user","id":"u"},
		{"@odata.type":"#microsoft.graph.group","id":"h","@removed":{"reason":"deleted"}},
		{"@odata.type":"#microsoft.graph.device","id":"d"},
		{"@odata.type":"#microsoft.graph.somethingNew","id":"n"},
		{"id":"untyped"},
		{"@odata.type":"#microsoft.graph.user","id":"U"}]}],`+delta+`}`))
	require.NoError(t, err)
	require.Equal(t, 2, p.Skipped)
	require.Equal(t, []dirsync.StagedEdge{
		{Edge: dirsync.Edge{GroupID: "g", MemberID: "u"}, MemberKind: "user"},
		{Edge: dirsync.Edge{GroupID: "g", MemberID: "h"}, MemberKind: "group", Removed: true},
		{Edge: dirsync.Edge{GroupID: "g", MemberID: "untyped"}},
	}, p.Edges)
}

func TestAGroupThatRepeatsAddsToItsMembers(t *testing.T) {
	p, err := dirsync.DecodePage(dirsync.Groups, []byte(`{"value":[
		{"id":"g","displayName":"G","members@delta":[{"@odata.type":"#microsoft.graph.user","id":"a"}]},
		{"id":"g","members@delta":[{"@odata.type":"#microsoft.graph.user","id":"b"}]}],"@odata.nextLink":"https://graph.example/n"}`))
	require.NoError(t, err)
	require.Len(t, p.Objects, 1)
	require.Equal(t, `"G"`, string(p.Objects[0].Patch["displayName"]), "a chunk without properties takes none away")
	require.Len(t, p.Edges, 2)
	require.Equal(t, "https://graph.example/n", p.Next)
	require.Equal(t, int64(3), p.Read())
}

func TestTheOrderOfAddressesChangesNothing(t *testing.T) {
	hash := func(addresses string) string {
		p, err := dirsync.DecodePage(dirsync.Users, []byte(`{"value":[{"id":"a","proxyAddresses":`+addresses+`}],`+delta+`}`))
		require.NoError(t, err)
		o, err := p.Objects[0].Record()
		require.NoError(t, err)
		return o.Hash
	}
	require.Equal(t, hash(`["SMTP:a@x","smtp:b@x"]`), hash(`["smtp:b@x","SMTP:a@x"]`))
	require.NotEqual(t, hash(`["SMTP:a@x","smtp:b@x"]`), hash(`["smtp:a@x","SMTP:b@x"]`), "which address is the primary one matters")
	require.Equal(t, hash(`[]`), hash(`null`))
}

func TestSettingsLeaveGuestsAndDisabledUsersOut(t *testing.T) {
	user := func(props dirsync.Patch) dirsync.Staged {
		return dirsync.Staged{ID: "a", State: dirsync.Present, Patch: props}
	}
	guest := user(dirsync.Patch{"userType": []byte(`"Guest"`), "accountEnabled": []byte(`true`)})
	disabled := user(dirsync.Patch{"userType": []byte(`"Member"`), "accountEnabled": []byte(`false`)})
	all := domain.SyncSettings{IncludeGuests: true, IncludeDisabled: true}
	require.Equal(t, dirsync.Present, guest.Settle(dirsync.Users, all).State)
	require.Equal(t, dirsync.Excluded, guest.Settle(dirsync.Users, domain.SyncSettings{IncludeDisabled: true}).State)
	require.Equal(t, dirsync.Excluded, disabled.Settle(dirsync.Users, domain.SyncSettings{IncludeGuests: true}).State)
	require.Equal(t, dirsync.Present, disabled.Settle(dirsync.Users, all).State)
	enabled := disabled.Settle(dirsync.Users, domain.SyncSettings{}).Then(user(dirsync.Patch{"accountEnabled": []byte(`true`)}))
	require.Equal(t, dirsync.Present, enabled.Settle(dirsync.Users, domain.SyncSettings{}).State, "who is enabled later in the round is back")
}

func TestTheSelectListsNameWhatTheMirrorKeeps(t *testing.T) {
	require.Subset(t, dirsync.UserSelect, []string{"id", "userPrincipalName", "accountEnabled", "userType", "proxyAddresses", "mailNickname"})
	require.Subset(t, dirsync.GroupSelect, []string{"id", "displayName", "members"})
}

// FuzzDecodePage: whatever arrives, decoding answers with a page that keeps its
// promises or with a PageError.
func FuzzDecodePage(f *testing.F) {
	for _, seed := range []string{
		`{}`, ``, `<html>`, `null`, `{"value":[]}`, `{"value":[],` + delta + `}`,
		`{"value":[{"id":"a","@removed":{"reason":"deleted"}},{"id":"a","displayName":"A"}],"@odata.nextLink":"n"}`,
		`{"value":[{"id":"g","members@delta":[{"id":"u","@odata.type":"#microsoft.graph.user","@removed":{}}]}],` + delta + `}`,
		`{"value":[{"id":"a","proxyAddresses":["b","a","a"],"accountEnabled":null,"mail":"\ud800"}],` + delta + `}`,
		`{"value":[null,{"id":null}],` + delta + `}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, stream := range dirsync.Streams {
			p, err := dirsync.DecodePage(stream, body)
			if err != nil {
				var page *dirsync.PageError
				require.ErrorAs(t, err, &page)
				continue
			}
			require.NotEqual(t, p.Next == "", p.Delta == "", "exactly one link")
			seen := map[string]bool{}
			for _, o := range p.Objects {
				require.False(t, seen[o.ID], "each object once")
				seen[o.ID] = true
				if o.State == dirsync.Gone {
					continue
				}
				record, err := o.Record()
				require.NoError(t, err)
				again, err := dirsync.NewObject(o.ID, record.Data)
				require.NoError(t, err)
				require.Equal(t, record, again, "a record survives being kept")
			}
		}
	})
}
