package emulator

import (
	"slices"
	"strings"
)

// condition tells whether an object, given as its properties by name, is wanted. A property is a string, a bool, a
// []string, or nil without a value; asking for an unknown one is an error.
type condition func(property func(string) (any, error)) (bool, error)

// filter is a $filter that was understood.
type filter struct {
	holds    condition
	advanced bool // only answered as an advanced query
}

// both joins conditions, either of which may be missing.
func both(a, b condition) condition {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(property func(string) (any, error)) (bool, error) {
		if ok, err := a(property); !ok || err != nil {
			return false, err
		}
		return b(property)
	}
}

// parseFilter understands comparisons by eq, ne and in, startswith, endswith, any over collections, and, or, not and
// brackets. Which of them are advanced is documented per property; here by operator, as it is for most.
func parseFilter(text string) (filter, *graphError) {
	if strings.TrimSpace(text) == "" {
		return filter{}, nil
	}
	p := &filterParser{tokens: filterTokens(text)}
	p.holds = p.either()
	if p.failed || len(p.tokens) > 0 {
		return filter{}, &graphError{status: 400, code: "BadRequest", message: "Invalid filter clause: it is not understood here."}
	}
	return p.filter, nil
}

// filterTokens splits a filter into names, brackets, commas and quoted texts, which keep one quote at their front.
func filterTokens(text string) []string {
	var tokens []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeft(text, " ") {
		switch c := text[0]; {
		case c == '\'':
			var value strings.Builder
			rest := text[1:]
			for {
				part, after, closed := strings.Cut(rest, "'")
				value.WriteString(part)
				if !closed {
					return append(tokens, "\x00") // no parser takes it
				}
				if rest = after; !strings.HasPrefix(rest, "'") {
					break
				}
				value.WriteByte('\'')
				rest = rest[1:]
			}
			tokens, text = append(tokens, "'"+value.String()), rest
		case strings.IndexByte("(),:", c) >= 0:
			tokens, text = append(tokens, text[:1]), text[1:]
		default:
			n := strings.IndexAny(text, " (),:'")
			if n < 0 {
				n = len(text)
			}
			tokens, text = append(tokens, text[:n]), text[n:]
		}
	}
	return tokens
}

type filterParser struct {
	filter
	tokens []string
	failed bool
}

func (p *filterParser) next() string {
	if len(p.tokens) == 0 {
		p.failed = true
		return ""
	}
	first := p.tokens[0]
	p.tokens = p.tokens[1:]
	return first
}

func (p *filterParser) take(word string) bool {
	if len(p.tokens) == 0 || !strings.EqualFold(p.tokens[0], word) {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *filterParser) expect(word string) {
	if !p.take(word) {
		p.failed = true
	}
}

func (p *filterParser) either() condition {
	left := p.all()
	for !p.failed && p.take("or") {
		a, b := left, p.all()
		left = func(property func(string) (any, error)) (bool, error) {
			if ok, err := a(property); ok || err != nil {
				return ok, err
			}
			return b(property)
		}
	}
	return left
}

func (p *filterParser) all() condition {
	left := p.term()
	for !p.failed && p.take("and") {
		left = both(left, p.term())
	}
	return left
}

func (p *filterParser) term() condition {
	switch {
	case p.take("not"):
		p.advanced = true
		inner := p.term()
		return func(property func(string) (any, error)) (bool, error) {
			ok, err := inner(property)
			return !ok, err
		}
	case p.take("("):
		inner := p.either()
		p.expect(")")
		return inner
	case p.take("startswith"):
		return p.affix(strings.HasPrefix)
	case p.take("endswith"):
		p.advanced = true
		return p.affix(strings.HasSuffix)
	}
	return p.comparison(p.next())
}

// affix reads (property,'text').
func (p *filterParser) affix(has func(string, string) bool) condition {
	p.expect("(")
	name := p.next()
	p.expect(",")
	text, _ := p.value().(string)
	p.expect(")")
	text = strings.ToLower(text)
	return compared(name, func(v any) bool {
		s, ok := v.(string)
		return ok && has(strings.ToLower(s), text)
	})
}

func (p *filterParser) comparison(name string) condition {
	if collection, ok := strings.CutSuffix(name, "/any"); ok { // proxyAddresses/any(x:x eq 'text')
		p.expect("(")
		p.next()
		p.expect(":")
		var inner condition
		if p.take("startswith") {
			inner = p.affix(strings.HasPrefix)
		} else {
			inner = p.comparison(p.next())
		}
		p.expect(")")
		return func(property func(string) (any, error)) (bool, error) {
			v, err := property(collection)
			all, _ := v.([]string)
			return slices.ContainsFunc(all, func(s string) bool {
				ok, _ := inner(func(string) (any, error) { return s, nil })
				return ok
			}), err
		}
	}
	switch operator := strings.ToLower(p.next()); operator {
	case "eq", "ne":
		wanted := p.value()
		p.advanced = p.advanced || operator == "ne"
		return compared(name, func(v any) bool { return same(v, wanted) == (operator == "eq") })
	case "in":
		p.expect("(")
		wanted := []any{p.value()}
		for p.take(",") {
			wanted = append(wanted, p.value())
		}
		p.expect(")")
		return compared(name, func(v any) bool { return slices.ContainsFunc(wanted, func(w any) bool { return same(v, w) }) })
	}
	p.failed = true
	return nil
}

// value reads a text, a truth value or null.
func (p *filterParser) value() any {
	switch text := p.next(); {
	case strings.HasPrefix(text, "'"):
		return text[1:]
	case strings.EqualFold(text, "true"):
		return true
	case strings.EqualFold(text, "false"):
		return false
	case strings.EqualFold(text, "null"):
		return nil
	default:
		if !isGUID(text) { // ids may stand without quotes
			p.failed = true
		}
		return text
	}
}

func compared(name string, is func(any) bool) condition {
	return func(property func(string) (any, error)) (bool, error) {
		v, err := property(name)
		return err == nil && is(v), err
	}
}

// same compares as the directory does, without regard to case.
func same(a, b any) bool {
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return ok && strings.EqualFold(x, y)
	case []string:
		return len(x) == 0 && b == nil
	}
	return a == b
}

// parseSearch understands "property:text", several of them joined by AND or OR.
func parseSearch(text string) (condition, *graphError) {
	var holds condition
	rest := strings.TrimSpace(text)
	for operator := ""; rest != ""; {
		if rest[0] != '"' {
			return nil, badRequest("Syntax error: character in '" + text + "' is not valid; enclose the search in double quotes.")
		}
		term, after, closed := strings.Cut(rest[1:], `"`)
		name, wanted, named := strings.Cut(term, ":")
		if !closed || !named || wanted == "" {
			return nil, badRequest("Syntax error: a search has the form \"property:text\".")
		}
		wanted = strings.ToLower(wanted)
		next := compared(name, func(v any) bool { return found(v, wanted) })
		if earlier := holds; strings.EqualFold(operator, "OR") {
			holds = func(property func(string) (any, error)) (bool, error) {
				if ok, err := earlier(property); ok || err != nil {
					return ok, err
				}
				return next(property)
			}
		} else {
			holds = both(holds, next)
		}
		rest = strings.TrimSpace(after)
		if rest != "" {
			operator, rest, _ = strings.Cut(rest, " ")
			if rest = strings.TrimSpace(rest); rest == "" || !strings.EqualFold(operator, "OR") && !strings.EqualFold(operator, "AND") {
				return nil, badRequest("Syntax error: searches are joined by AND or OR.")
			}
		}
	}
	return holds, nil
}

// found tells whether any word of a property begins with the text.
func found(v any, text string) bool {
	begins := func(s string) bool {
		s = strings.ToLower(s)
		return strings.HasPrefix(s, text) || strings.Contains(s, " "+text) || strings.Contains(s, "-"+text) || strings.Contains(s, ":"+text)
	}
	switch x := v.(type) {
	case string:
		return begins(x)
	case []string:
		return slices.ContainsFunc(x, begins)
	}
	return false
}
