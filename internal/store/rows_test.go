package store_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

// everyTableGivesBackWhatItWasGiven walks through whatever tables service.Rows
// has, with every field of each row filled, so that a new table or field is
// tested without a word.
func everyTableGivesBackWhatItWasGiven(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	contract := reflect.TypeFor[service.Rows]()
	tables := 0
	for m := range contract.Methods() {
		if !strings.HasPrefix(m.Type.Out(0).Name(), "Table[") {
			continue
		}
		tables++
		insert, _ := m.Type.Out(0).MethodByName("Insert")
		row := insert.Type.In(0).Elem().Elem() // ...*T
		require.NoError(t, s.Write(t.Context(), func(r service.Rows) error {
			table := reflect.ValueOf(r).MethodByName(m.Name).Call(nil)[0]
			call := func(method string, args ...reflect.Value) []reflect.Value {
				out := table.MethodByName(method).Call(args)
				if err, failed := reflect.TypeAssert[error](out[len(out)-1]); failed {
					require.NoError(t, err, "%s of %s", method, m.Name)
				}
				return out
			}
			first, second := reflect.New(row), reflect.New(row)
			fill(first.Elem(), 1)
			fill(second.Elem(), 2)
			key := first.Elem().FieldByName("ID")
			if !key.IsValid() {
				key = first.Elem().FieldByName("Seq")
			}
			call("Insert", first)
			require.Equal(t, first.Elem().Interface(), call("Get", key)[0].Interface(), m.Name)
			second.Elem().FieldByIndex(fieldOf(row)).Set(key)
			call("Update", second)
			require.Equal(t, second.Elem().Interface(), call("Get", key)[0].Interface(), m.Name)
			return nil
		}))
	}
	require.Greater(t, tables, 20)
}

func fieldOf(row reflect.Type) []int {
	f, ok := row.FieldByName("ID")
	if !ok {
		f, _ = row.FieldByName("Seq")
	}
	return f.Index
}

// fill sets everything in v to a value that is not zero and differs by n.
func fill(v reflect.Value, n int) {
	if v.Type() == reflect.TypeFor[domain.Instant]() {
		v.Set(reflect.ValueOf(domain.At(time.Date(2026, 11, 22, 10, 0, n, 123456789, time.UTC))))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("%d 'quoted' \"twice\" \\ ? $1 äé漢😀", n))
	case reflect.Bool:
		v.SetBool(n == 1)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(1000 + n))
	case reflect.Float64:
		v.SetFloat(float64(n) + 0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte{0, 0xff, '\'', '\\', byte(n)})
			if v.Type().Name() == "RawMessage" {
				v.SetBytes([]byte(`{"a":1}`))
			}
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n)
			}
		}
	default:
		panic("a row holds a " + v.Type().String())
	}
}

func awkwardValuesComeBackWhole(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	require.NoError(t, s.Write(t.Context(), func(r service.Rows) error {
		return r.Accounts().Insert(
			&domain.Account{ID: "empty"},
			&domain.Account{ID: "nul", Name: "a\x00b\xffc", Domains: []string{}},
			&domain.Account{ID: "long", Name: strings.Repeat("ü'", 100_000)})
	}))
	require.NoError(t, s.Read(t.Context(), func(r service.Rows) error {
		empty, err := r.Accounts().Get("empty")
		require.NoError(t, err)
		require.Equal(t, domain.Account{ID: "empty"}, empty)
		nul, err := r.Accounts().Get("nul")
		require.NoError(t, err)
		require.Equal(t, "ab\uFFFDc", nul.Name, "what no text can hold is left out or replaced")
		long, err := r.Accounts().Get("long")
		require.Len(t, long.Name, 300_000)
		return err
	}))
}
