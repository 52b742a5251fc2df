package emulator

import (
	"iter"
	"slices"
	"strings"

	"consentry/emulator/directory"
)

// ordered are the live objects of a kind by a property, and those with the same value by their place. Only what they are
// compared by is kept, as there may be many.
func (g *graphCall) ordered(kind directory.Kind, by string) (iter.Seq2[int, directory.Member], *graphError) {
	name, direction, _ := strings.Cut(strings.TrimSpace(by), " ")
	if !slices.Contains([]string{"", "asc", "desc"}, strings.TrimSpace(direction)) {
		return nil, badRequest("Syntax error in $orderby.")
	}
	type place struct {
		value string
		after int
	}
	var places []place
	for after, m := range objects(g.view, kind, 0) {
		v, err := m.Value(name)
		if err != nil {
			return nil, asGraphError(err)
		}
		text, _ := v.(string)
		places = append(places, place{strings.ToLower(text), after})
	}
	slices.SortStableFunc(places, func(a, b place) int {
		if strings.TrimSpace(direction) == "desc" {
			a, b = b, a
		}
		return strings.Compare(a.value, b.value)
	})
	return func(yield func(int, directory.Member) bool) {
		for i, p := range places {
			for _, m := range objects(g.view, kind, p.after-1) {
				if !yield(i+1, m) {
					return
				}
				break
			}
		}
	}, nil
}
