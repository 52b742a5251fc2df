package store

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
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
	sel := t.db.NewSelect().Model(&found)
	err := where(q.Where, func(cond string, args ...any) { sel.Where(cond, args...) })
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", t.name(), err)
	}
	for _, o := range q.Order {
		column, desc := strings.CutPrefix(o, "-")
		if desc {
			sel.OrderExpr("? DESC", bun.Ident(column))
		} else {
			sel.OrderExpr("? ASC", bun.Ident(column))
		}
	}
	if q.Limit > 0 {
		sel.Limit(int64(q.Limit))
	}
	if err := sel.Scan(t.ctx); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("list %s: %w", t.name(), err)
	}
	return found, nil
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

// where adds the conditions of w, which are parameters and never SQL text.
func where(w service.Where, add func(cond string, args ...any)) error {
	for key, value := range w {
		column, op, _ := strings.Cut(key, " ")
		if op == "" {
			op = "="
		}
		if !slices.Contains(operators, op) {
			return fmt.Errorf("unknown operator %q", op)
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
				add("? IN (?)", bun.Ident(column), bun.List(value))
			default:
				add("? NOT IN (?)", bun.Ident(column), bun.List(value))
			}
			continue
		}
		add("? "+op+" ?", bun.Ident(column), value)
	}
	return nil
}
