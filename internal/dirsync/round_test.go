package dirsync_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"consentry/internal/dirsync"
)

// TestAnyChunkingWithDuplicatesGivesTheSameMirror: where the directory cuts its
// pages, which page it sends twice in a row and which object it repeats changes
// nothing about what is held in the end.
func TestAnyChunkingWithDuplicatesGivesTheSameMirror(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 1, 40).Draw(t, "events")
		full := rapid.Bool().Draw(t, "full")
		want := apply(t, full, [][]map[string]any{events})

		var pages [][]map[string]any
		for rest := events; len(rest) > 0; {
			n := rapid.IntRange(0, len(rest)).Draw(t, "page size")
			page := rest[:n:n]
			if n > 0 && rapid.Bool().Draw(t, "object twice") {
				page = append(page, page[n-1])
			}
			pages = append(pages, page)
			if rapid.Bool().Draw(t, "page twice") {
				pages = append(pages, page)
			}
			rest = rest[n:]
		}
		require.Equal(t, want, apply(t, full, pages))
	})
}

func drawEvent(t *rapid.T) map[string]any {
	e := map[string]any{"id": rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "id")}
	if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		e["@removed"] = map[string]string{"reason": rapid.SampledFrom([]string{"changed", "deleted"}).Draw(t, "reason")}
		return e
	}
	for _, name := range []string{"displayName", "mail"} {
		switch rapid.IntRange(0, 2).Draw(t, name) {
		case 0:
			e[name] = nil
		case 1:
			e[name] = fmt.Sprint(name, rapid.IntRange(0, 2).Draw(t, "value"))
		}
	}
	return e
}

// apply folds pages into a staging and lays it over a small mirror.
func apply(t *rapid.T, full bool, pages [][]map[string]any) map[string]string {
	held := map[string]dirsync.Object{}
	for _, id := range []string{"a", "b", "x"} {
		o, err := dirsync.NewObject(id, []byte(`{"displayName":"before","mail":"before"}`))
		require.NoError(t, err)
		held[id] = o
	}
	stage := map[string]dirsync.Staged{}
	for _, events := range pages {
		if events == nil {
			events = []map[string]any{}
		}
		body, err := json.Marshal(map[string]any{"value": events, "@odata.nextLink": "n"})
		require.NoError(t, err)
		page, err := dirsync.DecodePage(dirsync.Users, body)
		require.NoError(t, err)
		for _, o := range page.Objects {
			if earlier, ok := stage[o.ID]; ok {
				o = earlier.Then(o)
			}
			stage[o.ID] = o
		}
	}
	out := map[string]string{}
	for id, o := range held {
		if _, seen := stage[id]; !seen && full {
			continue
		}
		out[id] = string(o.Data)
	}
	for id, s := range stage {
		if s.State == dirsync.Gone {
			delete(out, id)
			continue
		}
		var before *dirsync.Object
		if o, ok := held[id]; ok {
			before = &o
		}
		next, _, err := s.On(before, full)
		require.NoError(t, err)
		out[id] = string(next.Data)
	}
	return out
}

func TestTheGuardHoldsAWipeAndLetsAnOrdinaryDayPass(t *testing.T) {
	l := dirsync.Limit{Absolute: 100, Percent: 20, Floor: 5}
	for name, c := range map[string]struct {
		removals, of int64
		held         bool
	}{
		"nothing to remove":                      {0, 10, false},
		"few out of few stay below the floor":    {4, 10, false},
		"half of a small directory waits":        {5, 10, true},
		"everything waits":                       {10, 10, true},
		"exactly the percentage passes":          {20, 100, false},
		"one more than the percentage waits":     {21, 100, true},
		"the absolute limit stops a big one":     {101, 1_000_000, true},
		"exactly the absolute limit passes":      {100, 1_000_000, false},
		"more than there is cannot pass unasked": {30, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.held, l.Hold("users", c.removals, c.of) != "")
		})
	}
}

func TestACursorReadsUsersThenGroupsAndThenStepsToTheEnd(t *testing.T) {
	c := dirsync.Cursor{RunID: "r", StageID: "r"}
	var read []string
	for _, p := range []dirsync.Page{
		{Stream: dirsync.Users, Next: "u2"}, {Stream: dirsync.Users, Delta: "ud"},
		{Stream: dirsync.Groups, Next: "g2"}, {Stream: dirsync.Groups, Delta: "gd"},
	} {
		s, link, done := c.Reading()
		require.False(t, done)
		require.Equal(t, p.Stream, s)
		read = append(read, link)
		c.Advance(p)
	}
	_, _, done := c.Reading()
	require.True(t, done)
	require.Equal(t, []string{"", "u2", "", "g2"}, read)

	var steps []dirsync.Step
	for c.Apply.Step != dirsync.StepDone {
		steps = append(steps, c.Apply.Step)
		c.Apply.After.GroupID = "somewhere"
		c.Apply.NextStep()
		require.Empty(t, c.Apply.After.GroupID, "each step begins at its first key")
	}
	require.Len(t, steps, 7)
	c.Apply.NextStep()
	require.Equal(t, dirsync.StepDone, c.Apply.Step, "there is nothing behind the end")

	c.Restart("r2")
	s, link, done := c.Reading()
	require.Equal(t, []any{dirsync.Users, "", false}, []any{s, link, done})
	require.Equal(t, 1, c.Restarts)
}

func TestFieldsNamesWhatDiffers(t *testing.T) {
	names, err := dirsync.Fields([]byte(`{"a":1,"b":"x","c":true}`), []byte(`{"a":1,"b":"y","d":null}`))
	require.NoError(t, err)
	require.Equal(t, []string{"b", "c", "d"}, names)
}
