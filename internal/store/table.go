package store

import (
	"database/sql"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// table is one table within one transaction.
type table[T any] struct {
	*rows
	pk string // id, or seq of a log
}

func (t table[T]) name() string { return reflect.TypeFor[T]().Name() }

// Get implements service.Table.
func (t table[T]) Get(id any) (T, error) { return t.Find(service.By(service.Where{t.pk: id})) }

// Find implements service.Table.
func (t table[T]) Find(q service.Query) (T, error) {
	q.Limit = 1
	found, err := t.List(q)
	if err != nil || len(found) == 0 {
		var zero T
		if err == nil {
			err = domain.Missing(strings.ToLower(t.name()))
		}
		return zero, err
	}
	return found[0], nil
}

// List implements service.Table.
func (t table[T]) List(q service.Query) ([]T, error) {
	found := []T{}
	text, args, err := t.question(q)
	if err == nil {
		ask := t.asked
		if !repeats(q) {
			ask = func(text string, args []any) (*sql.Rows, error) { return t.db.QueryContext(t.ctx, text, args...) }
		}
		var answer *sql.Rows
		if answer, err = ask(text, args); err == nil { //nolint:rowserrcheck // ScanRows does
			err = t.store.db.ScanRows(t.ctx, answer, &found)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", t.name(), err)
	}
	return found, nil
}

// question writes a query with a ? for each value.
func (t table[T]) question(q service.Query) (text string, args []any, err error) {
	model := t.store.db.Table(reflect.TypeFor[T]())
	var b strings.Builder
	separator := "SELECT "
	for _, f := range model.Fields {
		b.WriteString(separator + string(f.SQLName))
		separator = ", "
	}
	b.WriteString(" FROM " + string(model.SQLName))
	separator = " WHERE "
	err = where(q.Where, func(cond string, values ...any) {
		b.WriteString(separator + cond)
		separator, args = " AND ", append(args, values...)
	})
	separator = " ORDER BY "
	for _, o := range q.Order {
		column, desc := strings.CutPrefix(o, "-")
		b.WriteString(separator + quoted(column))
		if desc {
			b.WriteString(" DESC")
		}
		separator = ", "
	}
	if q.Limit > 0 {
		b.WriteString(" LIMIT " + strconv.Itoa(q.Limit))
	}
	return b.String(), args, err
}

// repeats tells whether the text of a query comes again, and is planned as well
// without knowing its values: it is when these are ids, which no partial index
// names. A state or an instant stands in the text, or its index would be passed
// by, and so does a limit, for whose sake SQLite would plan anew each time.
func repeats(q service.Query) bool {
	if q.Limit > 1 { // the asker's choice
		return false
	}
	for key, value := range q.Where {
		column, _, _ := strings.Cut(key, " ")
		switch value.(type) {
		case bool:
		case string, int64:
			if column != "id" && column != "seq" && column != "digest" && !strings.HasSuffix(column, "_id") && !strings.HasSuffix(column, "_digest") {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// Count implements service.Table.
func (t table[T]) Count(q service.Query) (int, error) {
	sel := t.db.NewSelect().Model((*T)(nil))
	if err := where(q.Where, func(cond string, args ...any) { sel.Where(cond, args...) }); err != nil {
		return 0, fmt.Errorf("count %s: %w", t.name(), err)
	}
	n, err := sel.Count(t.ctx)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", t.name(), err)
	}
	return int(n), nil
}

// Insert implements service.Table.
func (t table[T]) Insert(rows ...*T) error {
	for _, row := range rows {
		if _, err := t.db.NewInsert().Model(row).Exec(t.ctx); err != nil {
			return fmt.Errorf("insert %s: %w", t.name(), t.breach(err, t.name()))
		}
	}
	return nil
}

// Update implements service.Table.
func (t table[T]) Update(row *T) error {
	res, err := t.db.NewUpdate().Model(row).WherePK(t.pk).Exec(t.ctx)
	if err != nil {
		return fmt.Errorf("update %s: %w", t.name(), t.breach(err, t.name()))
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return domain.Missing(strings.ToLower(t.name()))
	}
	return nil
}

// Delete implements service.Table.
func (t table[T]) Delete(q service.Query) (int, error) {
	if len(q.Where) == 0 {
		return 0, fmt.Errorf("delete %s: a condition is needed", t.name())
	}
	del := t.db.NewDelete().Model((*T)(nil))
	if err := where(q.Where, func(cond string, args ...any) { del.Where(cond, args...) }); err != nil {
		return 0, fmt.Errorf("delete %s: %w", t.name(), err)
	}
	res, err := del.Exec(t.ctx)
	if err != nil {
		return 0, fmt.Errorf("delete %s: %w", t.name(), err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

var operators = []string{"=", "<>", "<", "<=", ">", ">="}

// where adds the conditions of w, always in the same order, whose values are
// parameters and never SQL text. A boolean is its column, as partial indexes have
// it.
func where(w service.Where, add func(cond string, args ...any)) error {
	for _, key := range slices.Sorted(maps.Keys(w)) {
		value := w[key]
		column, op, _ := strings.Cut(key, " ")
		if op == "" {
			op = "="
		}
		if !slices.Contains(operators, op) {
			return fmt.Errorf("unknown operator %q", op)
		}
		column = quoted(column)
		if b, ok := value.(bool); ok && (op == "=" || op == "<>") {
			if b != (op == "=") {
				column = "NOT " + column
			}
			add(column)
			continue
		}
		if v := reflect.ValueOf(value); v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 {
			switch {
			case op != "=" && op != "<>":
				return fmt.Errorf("a list goes with = or <>, not with %q", op)
			case v.Len() == 0 && op == "=":
				add("1 = 0") // one of nothing
			case v.Len() == 0:
				add("1 = 1")
			case op == "=":
				add(column+" IN (?)", bun.List(value))
			default:
				add(column+" NOT IN (?)", bun.List(value))
			}
			continue
		}
		add(column+" "+op+" ?", value)
	}
	return nil
}

// quoted is a column's name as both engines read it. Names come from this
// program.
func quoted(column string) string { return `"` + column + `"` }
