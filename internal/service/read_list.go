package service

import (
	"context"
	"encoding/base64"
	"maps"
	"strconv"
	"strings"
	"time"

	"consentry/internal/domain"
)

// Page asks for one part of a list: the first without a cursor, else the part
// that a cursor of an earlier answer points to.
type Page struct {
	Limit  int
	Cursor string
}

// The bounds of a page.
const (
	PageDefault = 50
	PageMax     = 200
)

// List is one part of a list, the newest first, as it stood at AsOf. Next is
// the cursor of the following part, "" at the end.
type List[T any] struct {
	Items []T
	Next  string
	AsOf  time.Time
}

// place is where a row stands in its list. Many rows share an instant (a
// campaign opens thousands in one transaction), so the id decides among them.
type place struct {
	at domain.Instant
	id string
}

func (p place) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.at.UnixMicro(), 36) + "." + p.id))
}

func parseCursor(cursor string) (place, error) {
	bad := domain.InvalidField("cursor", "The cursor is not one of ours. Ask for the list without a cursor.")
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return place{}, bad
	}
	micros, id, found := strings.Cut(string(b), ".")
	at, err := strconv.ParseInt(micros, 36, 64)
	if err != nil || !found || id == "" {
		return place{}, bad
	}
	return place{at: domain.At(time.UnixMicro(at)), id: id}, nil
}

// page reads one part of a table, ordered by an instant column and the id, both
// descending. Rows that arrive meanwhile are newer than any cursor: they shift
// nothing.
func page[T any](t *Tx, table Table[T], where Where, column string, p Page, at func(T) place) (List[T], error) {
	list := List[T]{Items: []T{}, AsOf: t.Now}
	if p.Limit == 0 {
		p.Limit = PageDefault
	}
	if p.Limit < 1 || p.Limit > PageMax {
		return list, domain.InvalidField("limit", "The limit must lie between 1 and %d.", PageMax)
	}
	read := func(more Where) error {
		w := Where{}
		maps.Copy(w, where)
		maps.Copy(w, more)
		rows, err := table.List(Query{Where: w, Order: []string{"-" + column, "-id"}, Limit: p.Limit + 1 - len(list.Items)})
		list.Items = append(list.Items, rows...)
		return err
	}
	if p.Cursor == "" {
		if err := read(nil); err != nil {
			return list, err
		}
	} else {
		from, err := parseCursor(p.Cursor)
		if err != nil {
			return list, err
		}
		if err := read(Where{column: from.at, "id <": from.id}); err != nil {
			return list, err
		}
		if len(list.Items) <= p.Limit {
			if err := read(Where{column + " <": from.at}); err != nil {
				return list, err
			}
		}
	}
	if len(list.Items) > p.Limit {
		list.Items = list.Items[:p.Limit]
		list.Next = at(list.Items[p.Limit-1]).cursor()
	}
	return list, nil
}

// paged is Read for one part of a list that is a page and nothing else; the first
// part is one statement, after the look whether the account that is asked about is there.
func (s *Service) paged(ctx context.Context, caller domain.Caller, p Page, fn func(*Tx) error) error {
	if p.Cursor == "" {
		return s.look(ctx, caller, fn)
	}
	return s.Read(ctx, caller, fn)
}

// scope limits a list to what the caller may see. A named account that is not
// there, or not for this caller, is missing, and in the same words: an empty list
// would hide a mistyped id, and another answer would tell which accounts exist.
func (t *Tx) scope(accountID string) (Where, error) {
	switch {
	case accountID != "" && !t.Caller.Sees(accountID):
		return nil, domain.Missing("account")
	case accountID != "":
		if _, err := t.Rows.Accounts().Get(accountID); err != nil {
			return nil, notHere("account", err)
		}
		return Where{"account_id": accountID}, nil
	case t.Caller.Operator():
		return Where{}, nil
	}
	return Where{"account_id": t.Caller.Accounts()}, nil
}

// narrow adds the filters that are set.
func narrow(where Where, filters map[string]string) {
	for column, value := range filters {
		if value != "" {
			where[column] = value
		}
	}
}

// operatorsList refuses a list of what belongs to the vendor to everybody else:
// an empty one would say that there is nothing.
func operatorsList(caller domain.Caller, what string) error {
	if !caller.Operator() {
		return domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may see %s.", what)
	}
	return nil
}

// operatorsOnly hides what belongs to the vendor from everybody else.
func (t *Tx) operatorsOnly(what string) error {
	if !t.Caller.Operator() {
		return domain.Missing(what)
	}
	return nil
}
