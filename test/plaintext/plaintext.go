// Package plaintext searches a database for texts that must not be in it: every value of every table, in the forms that
// a text takes when somebody stores it without encrypting it.
package plaintext

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Search opens the SQLite file, which may be in use, and reports where each text is found: "table.column: text (form)".
// read is how many values were looked at.
func Search(ctx context.Context, file string, texts []string) (found []string, read int, err error) {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(15000)")
	if err != nil {
		return nil, 0, fmt.Errorf("open %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, err := names(ctx, db)
	if err != nil {
		return nil, 0, err
	}
	forms := map[string][][2]string{}
	for _, text := range texts {
		forms[text] = formsOf(text)
	}
	for _, table := range tables {
		hits, n, err := searchTable(ctx, db, table, forms)
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", table, err)
		}
		found, read = append(found, hits...), read+n
	}
	slices.Sort(found)
	return slices.Compact(found), read, nil
}

func names(ctx context.Context, db *sql.DB) (tables []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		tables = append(tables, name)
	}
	return tables, rows.Err()
}

func searchTable(ctx context.Context, db *sql.DB, table string, forms map[string][][2]string) (found []string, read int, err error) {
	rows, err := db.QueryContext(ctx, `SELECT * FROM "`+strings.ReplaceAll(table, `"`, `""`)+`"`)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, 0, err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, 0, err
		}
		for i, v := range values {
			b, isBytes := v.([]byte)
			if !isBytes {
				b = fmt.Append(nil, v)
			}
			read++
			b = bytes.ToLower(b)
			for text, each := range forms {
				for _, form := range each {
					if bytes.Contains(b, []byte(form[1])) {
						found = append(found, fmt.Sprintf("%s.%s: %s (%s)", table, columns[i], text, form[0]))
					}
				}
			}
		}
	}
	return found, read, rows.Err()
}

// formsOf gives a text as it would look at rest, in lower case. A text inside a longer one that is base64 has three
// looks, one for each place in a group of three bytes; what its neighbours change is cut off.
func formsOf(text string) (forms [][2]string) {
	add := func(name, form string) { forms = append(forms, [2]string{name, strings.ToLower(form)}) }
	add("plain", text)
	add("hex", hex.EncodeToString([]byte(text)))
	for offset := range 3 {
		padded := append(make([]byte, offset), text...)
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			whole := encoding.EncodeToString(padded)
			from := []int{0, 2, 3}[offset]
			to := len(padded) / 3 * 4
			if from < to {
				add(fmt.Sprintf("%s, place %d", name, offset), whole[from:to])
			}
		}
	}
	if escaped := url.QueryEscape(text); escaped != text {
		add("URL", escaped)
	}
	if quoted, err := json.Marshal(text); err == nil && string(quoted) != `"`+text+`"` {
		add("JSON", strings.Trim(string(quoted), `"`))
	}
	var wide []byte
	for _, r := range text {
		wide = append(wide, byte(r), byte(r>>8))
	}
	add("UTF-16", string(wide))
	return forms
}
