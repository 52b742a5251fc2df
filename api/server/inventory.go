package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// InventoryBody is an inventory as it came, of any form: the framework would tell
// what has the wrong one, and the rules would be told when that is mended.
type InventoryBody struct{ raw json.RawMessage }

// Schema implements huma.SchemaProvider; inventorySchema is what is documented.
func (InventoryBody) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

func inventorySchema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[service.Inventory](), true, "")
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *InventoryBody) UnmarshalJSON(raw []byte) error {
	b.raw = bytes.Clone(raw)
	return nil
}

// readInventory gives the inventory of a body, or everything that is wrong with
// it at once: the form of each field, and the rules of those that have theirs. A
// caller who may import none gets none: the command refuses that, and notes it.
func (s *server) readInventory(schemas huma.Registry, caller domain.Caller, body InventoryBody) (inv service.Inventory, err error) {
	if !caller.Operator() {
		return inv, nil
	}
	var document any
	if err := json.Unmarshal(body.raw, &document); err != nil {
		return inv, err
	}
	formless := repeated(body.raw)
	var found huma.ValidateResult
	huma.Validate(schemas, inventorySchema(schemas), huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, document, &found)
	if len(found.Errors)+len(formless) == 0 {
		return inv, misread(json.Unmarshal(body.raw, &inv))
	}
	for _, err := range found.Errors {
		f, _ := fieldOf(err)
		formless = append(formless, f)
	}
	for _, f := range formless {
		document = without(document, steps(f.Field))
	}
	rest, err := json.Marshal(document)
	if err != nil {
		return inv, err
	}
	var wrong []error
	for _, f := range formless {
		wrong = append(wrong, domain.InvalidField(f.Field, "%s", f.Message))
	}
	if _, fields := document.(map[string]any); !fields {
		return inv, domain.Mistakes(wrong...) // which say so
	}
	if err := misread(json.Unmarshal(rest, &inv)); err != nil {
		return inv, domain.Mistakes(append(wrong, err)...)
	}
	return inv, domain.Mistakes(append(wrong, beside(formless, s.Service.CheckInventory(inv))...)...)
}

// misread is what the form allows and cannot be read, such as a duration of more
// than three centuries.
func misread(err error) error {
	if err == nil {
		return nil
	}
	return domain.InvalidField("body", "A number or a duration in it is larger than can be read") // err repeats values
}

// beside are the breaches of rules that do not come of what has the wrong form
// already.
func beside(formless []FieldProblem, err error) (rules []error) {
	refusal, ok := errors.AsType[*domain.Error](err)
	if !ok {
		return []error{err}
	}
	breaches := refusal.Breaches
	if len(breaches) == 0 {
		breaches = []domain.Breach{{Field: refusal.Field, Message: refusal.Message}}
	}
	for _, b := range breaches {
		comes := false
		for _, f := range formless {
			comes = comes || f.Field == "body" || b.Field == f.Field || strings.HasPrefix(b.Field, f.Field+".") || strings.HasPrefix(b.Field, f.Field+"[")
		}
		if !comes {
			rules = append(rules, domain.InvalidField(b.Field, "%s", b.Message))
		}
	}
	return rules
}

// steps takes a path such as accounts[0].people apart.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// without takes a value out of a document. The place of one in a list stays, so
// that the others keep their paths.
func without(document any, path []string) any {
	if len(path) == 0 {
		return document
	}
	switch in := document.(type) {
	case map[string]any:
		if _, there := in[path[0]]; there && len(path) == 1 {
			delete(in, path[0])
		} else if there {
			in[path[0]] = without(in[path[0]], path[1:])
		}
	case []any:
		if n, err := strconv.Atoi(path[0]); err == nil && n >= 0 && n < len(in) {
			if in[n] = without(in[n], path[1:]); len(path) == 1 {
				in[n] = nil
			}
		}
	}
	return document
}
