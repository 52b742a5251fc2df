package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

type importCommand struct {
	File  string `arg:"" help:"The inventory as JSON; - reads standard input."`
	Again bool   `help:"Import this very content once more. Without it, content that was taken in before is only reported."`
	// A file that was cut short, or another customer's id, must not take anything away.
	Change bool `help:"Also where it moves an account to another region, empties what is filled, or gives back a role that was taken away. Without it such an import is refused."`
	DryRun bool `name:"dry-run" help:"Say per row what would be new, changed or the same, and do nothing."`
}

type importReport struct {
	Accounts      int      `json:"accounts"`
	Integrations  int      `json:"integrations"`
	People        int      `json:"people"`
	Campaigns     int      `json:"campaigns"`
	SharedTenants []string `json:"sharedTenants"`
	Repeated      bool     `json:"repeated"`
	DryRun        bool     `json:"dryRun"`
	Rows          []struct {
		Kind      string `json:"kind"`
		ID        string `json:"id"`
		AccountID string `json:"accountId"`
		State     string `json:"state"`
		Changes   []struct {
			Field string `json:"field"`
			From  string `json:"from"`
			To    string `json:"to"`
		} `json:"changes"`
		NeedsChange bool   `json:"needsChange"`
		Note        string `json:"note"`
	} `json:"rows"`
	AsOf moment `json:"asOf"`
}

// aftermath: the key of an import is its content.
func (c *importCommand) aftermath() aftermath {
	switch {
	case c.DryRun:
		return aftermath{safe: "a dry run changes nothing"}
	case c.Again:
		return aftermath{look: "account list"}
	}
	return aftermath{safe: "the same content is taken in once, and then only reported"}
}

func (c *importCommand) Run(e *env) error {
	content, err := interruptible(e.ctx, func() ([]byte, error) { return c.read(e.in) })
	if err != nil {
		return err
	}
	if err := wellFormed(content); err != nil {
		return err
	}
	// The key is the content: whoever repeats an import because its answer was
	// lost changes nothing, with or without --change: one that was refused for want
	// of it is kept under no key. --again is for whoever means it.
	sum := sha256.Sum256(content)
	key := "import-" + hex.EncodeToString(sum[:])
	query := ""
	switch {
	case c.DryRun:
		query, key = "?dryRun=true", ""
	case c.Change:
		query = "?change=true"
	}
	if c.Again && key != "" {
		key += "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	e.out.show("sending %s …", size(len(content)))
	var report importReport
	doc, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/inventory" + query, body: content, key: key, after: c.aftermath()}, &report)
	e.out.clear()
	if f, ok := errors.AsType[*failure](err); ok {
		for i, field := range f.fields {
			f.fields[i].Line = lineOf(content, field.Field)
		}
		slices.SortStableFunc(f.fields, func(a, b fieldProblem) int { return a.Line - b.Line }) // as the file is mended
	}
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		if report.DryRun || !e.out.quiet { // of a dry run the rows are the answer
			report.table(e.out, c.Change)
		}
		switch {
		case report.DryRun:
			e.out.say("A dry run, as of %s: nothing was changed.", report.AsOf)
		case report.Repeated:
			e.out.say("This content was taken in before, on %s; nothing was changed now. --again imports it once more.", report.AsOf)
		default:
			e.out.say("Imported, as of %s.", report.AsOf)
		}
		if e.out.quiet {
			return
		}
		e.out.facts("Accounts", strconv.Itoa(report.Accounts), "Integrations", strconv.Itoa(report.Integrations),
			"People", strconv.Itoa(report.People), "Campaigns", strconv.Itoa(report.Campaigns),
			"Tenants of several accounts", strings.Join(report.SharedTenants, ", "))
	})
}

// table says what was done, or would be, per row.
func (r importReport) table(out *printer, change bool) {
	var rows [][]string
	for _, row := range r.Rows {
		var said []string
		for _, c := range row.Changes {
			said = append(said, fmt.Sprintf("%s: %s -> %s", c.Field, or(c.From, "(empty)"), or(c.To, "(empty)")))
		}
		if r.DryRun && row.NeedsChange && !change {
			said = append(said, "refused without --change")
		}
		if row.Note != "" {
			said = append(said, row.Note)
		}
		rows = append(rows, []string{row.State, row.Kind, row.ID, or(row.AccountID, "-"), or(strings.Join(said, "; "), "-")})
	}
	if len(rows) > 0 {
		out.table("STATE|KIND|ID|ACCOUNT|WHAT CHANGES", rows)
	}
}

func (c *importCommand) read(in io.Reader) ([]byte, error) {
	if c.File == "-" {
		return io.ReadAll(in)
	}
	content, err := os.ReadFile(c.File)
	if err != nil {
		return nil, usage("<file>", "", unreadable(err))
	}
	return content, nil
}

// wellFormed finds a slip of the pen before anything is sent, and where it is.
func wellFormed(content []byte) error {
	var whole json.RawMessage
	err := json.Unmarshal(content, &whole)
	if err == nil {
		return nil
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return usage("<file>", "", "the file is empty")
	}
	offset := int64(len(content))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	line, column := position(content, int(offset))
	return usage("<file>", "", fmt.Sprintf("the file is no JSON: line %d, column %d: %v", line, column, err))
}

func position(content []byte, offset int) (line, column int) {
	before := content[:min(max(offset-1, 0), len(content))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// lineOf finds the line of the file on which a field stands, such as
// accounts[2].integrations[0].tenantId; of a field that is missing, the line of
// what should hold it. 0: not found.
func lineOf(content []byte, path string) int {
	offset := 0
	for _, step := range steps(path) {
		at, ok := find(content, offset, step)
		if !ok {
			break
		}
		offset = at
	}
	if offset == 0 {
		return 0
	}
	line, _ := position(content, offset+1)
	return line
}

// steps takes a path apart: names, and numbers of places in lists.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// find gives where the value of a key, or of a place in a list, begins in the
// value that begins at offset.
func find(content []byte, offset int, step string) (int, bool) {
	d := json.NewDecoder(bytes.NewReader(content[offset:]))
	opening, err := d.Token()
	if err != nil {
		return 0, false
	}
	delim, isDelim := opening.(json.Delim)
	for n := 0; isDelim && d.More(); n++ {
		name := strconv.Itoa(n)
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return 0, false
			}
			name, _ = key.(string)
		}
		begins := offset + int(d.InputOffset())
		if name == step {
			for begins < len(content) && strings.IndexByte(" \t\r\n:,", content[begins]) >= 0 {
				begins++
			}
			return begins, true
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return 0, false
		}
	}
	return 0, false
}

func size(n int) string {
	if n < 1<<20 {
		return strconv.Itoa((n+1023)>>10) + " KiB"
	}
	return strconv.Itoa((n+(1<<20)-1)>>20) + " MiB"
}
