package server

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// repeated finds the fields that an object has twice, by their paths: whoever reads
// JSON takes the last one silently, and the rules see no other. Letters compare in
// either case, as they do where fields are read. raw is JSON.
func repeated(raw []byte) (found []FieldProblem) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value func(path string)
	value = func(path string) {
		switch opening, _ := d.Token(); opening {
		case json.Delim('['):
			for n := 0; d.More(); n++ {
				value(path + "[" + strconv.Itoa(n) + "]")
			}
		case json.Delim('{'):
			times := map[string]int{}
			for d.More() {
				key, _ := d.Token()
				name, _ := key.(string)
				at := strings.TrimPrefix(path+"."+name, ".")
				if times[strings.ToLower(name)]++; times[strings.ToLower(name)] == 2 {
					found = append(found, FieldProblem{Field: at, Message: "This field is written twice in the same braces: keep one of them"})
				}
				value(at)
			}
		default:
			return
		}
		_, _ = d.Token() // what closes it
	}
	value("")
	return found
}
