package console_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// node is a parsed page or a part of one, asked by selectors of the form
// "tag#id.class[attr=value]" with descendants separated by spaces.
type node struct{ *html.Node }

func parse(t *testing.T, page string) node {
	t.Helper()
	n, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	return node{n}
}

// all finds every match in document order.
func (n node) all(selector string) []node {
	found := []node{n}
	for part := range strings.FieldsSeq(selector) {
		var next []node
		for _, from := range found {
			for d := range from.Descendants() {
				if matches(d, part) && !slices.Contains(next, node{d}) {
					next = append(next, node{d})
				}
			}
		}
		found = next
	}
	return found
}

// one finds the only match.
func (n node) one(t *testing.T, selector string) node {
	t.Helper()
	found := n.all(selector)
	require.Len(t, found, 1, "matches of %q", selector)
	return found[0]
}

func (n node) none(t *testing.T, selector string) {
	t.Helper()
	require.Empty(t, n.all(selector), "matches of %q", selector)
}

// text is the visible words, white space folded.
func (n node) text() string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func (n node) attr(name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func matches(n *html.Node, simple string) bool {
	if n.Type != html.ElementNode {
		return false
	}
	rest, want, hasAttr := strings.Cut(strings.TrimSuffix(simple, "]"), "[")
	if hasAttr {
		key, value, hasValue := strings.Cut(want, "=")
		i := slices.IndexFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
		if i < 0 || (hasValue && n.Attr[i].Val != value) {
			return false
		}
	}
	rest, class, hasClass := strings.Cut(rest, ".")
	if hasClass && !slices.Contains(strings.Fields(node{n}.attr("class")), class) {
		return false
	}
	tag, id, hasID := strings.Cut(rest, "#")
	return (tag == "" || n.Data == tag) && (!hasID || node{n}.attr("id") == id)
}
