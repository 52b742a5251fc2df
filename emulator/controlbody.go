package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// strictly decodes the body of a request to the control API, and says in words what is wrong with it.
func strictly(content []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return inWords(content, into, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body goes on after its document")
	}
	return nil
}

// inWords puts the decoder's error into the words that configuration files are refused with.
func inWords(content []byte, into any, err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the body is empty")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the body ends before its document does")
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("the body is not JSON, from byte %d on: %w", syntax.Offset, syntax)
	}
	r := &strictReader{}
	r.read(content, reflect.New(reflect.TypeOf(into).Elem()).Interface())
	var problems []string
	for _, problem := range r.problems {
		wrong, ok := errors.AsType[*ConfigError](problem)
		switch {
		case !ok || r.unreadable:
		case wrong.Field == "":
			problems = append(problems, "the body "+wrong.Problem)
		default:
			problems = append(problems, "the field "+wrong.Field+": "+wrong.Problem)
		}
	}
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("the field %s: cannot be a %s", kind.Field, kind.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// eachOnce refuses a field that is there twice, of which the decoder would take the last. The content is valid JSON.
func eachOnce(content []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	return once(decoder, "")
}

func once(decoder *json.Decoder, field string) error {
	token, err := decoder.Token()
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	opened, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for i := 0; decoder.More(); i++ {
		within := fmt.Sprintf("%s[%d]", field, i)
		if opened == '{' {
			name, err := decoder.Token()
			if err != nil {
				return fmt.Errorf("read the body: %w", err)
			}
			within = strings.TrimPrefix(fmt.Sprintf("%s.%s", field, name), ".")
			if seen[strings.ToLower(fmt.Sprint(name))] { // as the decoder knows fields
				return fmt.Errorf("the field %s: is there twice", within)
			}
			seen[strings.ToLower(fmt.Sprint(name))] = true
		}
		if err := once(decoder, within); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	return nil
}
