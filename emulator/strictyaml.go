package emulator

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ConfigError is one thing wrong with a configuration file.
type ConfigError struct {
	File    string
	Line    int
	Field   string // tenants[1].id
	Problem string
}

func (e *ConfigError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Field, e.Problem)
}

// strictReader fills a value from YAML, of which JSON is a part, by the json names of its fields. It knows the line of
// every field, so that also what is found out later can be said where it stands.
type strictReader struct {
	file     string
	lines    map[string]int
	problems []error
	// unreadable says that the file is not YAML, so that nothing more can be said about it; told are the fields that
	// something was said about.
	unreadable bool
	told       []string
}

// broken tells whether a field, or one within it, was found wrong.
func (r *strictReader) broken(field string) bool {
	return slices.ContainsFunc(r.told, func(told string) bool {
		return told == field || strings.HasPrefix(told, field+".") || strings.HasPrefix(told, field+"[")
	})
}

func (r *strictReader) read(content []byte, into any) {
	r.lines = map[string]int{"": 1}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(&document); err != nil {
		if err != io.EOF { //nolint:errorlint // what the decoder says of an empty file, unwrapped
			r.unreadable = true
			line, problem := yamlProblem(err)
			r.problems = append(r.problems, &ConfigError{File: r.file, Line: line, Problem: problem})
		}
		return
	}
	r.value(document.Content[0], "", reflect.ValueOf(into).Elem())
	if decoder.Decode(&yaml.Node{}) == nil {
		r.wrong("", "has more than one document")
	}
}

// yamlProblem takes the line out of the library's error, which has it in its text only.
func yamlProblem(err error) (int, string) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, problem, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(number); err == nil {
				return line, problem
			}
		}
	}
	return 1, text
}

// wrong notes a problem of a field by its path.
func (r *strictReader) wrong(field, format string, values ...any) {
	if field != "" && slices.Contains(r.told, field) {
		return // one problem of a field is enough: the next is often its consequence
	}
	r.told = append(r.told, field)
	line, at := 0, field
	for line == 0 { // a field that is missing is told where the one around it stands
		line = r.lines[at]
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	r.problems = append(r.problems, &ConfigError{File: r.file, Line: line, Field: field, Problem: fmt.Sprintf(format, values...)})
}

func (r *strictReader) value(n *yaml.Node, field string, into reflect.Value) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if _, known := r.lines[field]; !known { // of a list or what stands in one; else the key has it
		r.lines[field] = n.Line
	}
	if n.Tag == "!!null" {
		return
	}
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	if text, ok := reflect.TypeAssert[encoding.TextUnmarshaler](into.Addr()); ok {
		if n.Kind != yaml.ScalarNode {
			r.wrong(field, "is not one value")
		} else if err := text.UnmarshalText([]byte(n.Value)); err != nil {
			r.wrong(field, "%v", err)
		}
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		r.structure(n, field, into)
	case reflect.Map:
		r.table(n, field, into)
	case reflect.Slice:
		if into.Type().Elem().Kind() == reflect.Uint8 {
			raw, err := base64.StdEncoding.DecodeString(n.Value)
			if err != nil {
				r.wrong(field, "is not base64")
			}
			into.SetBytes(raw)
			return
		}
		if n.Kind != yaml.SequenceNode {
			r.wrong(field, "is not a list")
			return
		}
		into.Set(reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			r.value(item, fmt.Sprintf("%s[%d]", field, i), into.Index(i))
		}
	default:
		if n.Kind != yaml.ScalarNode || n.Decode(into.Addr().Interface()) != nil {
			r.wrong(field, "is not %s", map[bool]string{true: "a whole number", false: "a " + into.Kind().String()}[into.CanInt() || into.CanUint()])
		}
	}
}

// pairs gives the keys of a mapping, each once, with its values.
func (r *strictReader) pairs(n *yaml.Node, field string, each func(name, path string, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.wrong(field, "is not a set of fields")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		path := strings.TrimPrefix(field+"."+name, ".")
		r.lines[path] = n.Content[i].Line
		if seen[name] {
			r.wrong(path, "is there twice")
			continue
		}
		seen[name] = true
		each(name, path, n.Content[i+1])
	}
}

func (r *strictReader) structure(n *yaml.Node, field string, into reflect.Value) {
	known := map[string][]int{}
	for _, f := range reflect.VisibleFields(into.Type()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			known[name] = f.Index
		}
	}
	r.pairs(n, field, func(name, path string, value *yaml.Node) {
		index, ok := known[name]
		if !ok {
			r.wrong(path, "is not known here")
			return
		}
		r.value(value, path, into.FieldByIndex(index))
	})
}

func (r *strictReader) table(n *yaml.Node, field string, into reflect.Value) {
	into.Set(reflect.MakeMap(into.Type()))
	r.pairs(n, field, func(name, path string, value *yaml.Node) {
		k, v := reflect.New(into.Type().Key()).Elem(), reflect.New(into.Type().Elem()).Elem()
		if err := yaml.Unmarshal([]byte(name), k.Addr().Interface()); err != nil {
			r.wrong(path, "is not a %s", k.Kind())
			return
		}
		r.value(value, path, v)
		into.SetMapIndex(k, v)
	})
}
