package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// printer writes answers. There are no colours; what matters is said in words.
type printer struct {
	out, errs io.Writer
	json      bool
	quiet     bool
	progress  bool   // standard error is a terminal: a line may be rewritten
	drawn     int    // length of the progress line that stands there
	stepped   string // the last step that was told in a line of its own
}

// answer writes the answer of a command: the document itself for machines, the
// id alone for the quiet, else what human writes.
func (p *printer) answer(doc any, id string, human func()) error {
	switch {
	case p.json:
		return p.document(doc)
	case p.quiet && id != "":
		_, err := fmt.Fprintln(p.out, id)
		return err
	}
	human()
	return nil
}

// document prints an answer that is one for programs anyhow.
func (p *printer) document(doc any) error {
	b, err := json.MarshalIndent(doc, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(p.out, "%s\n", b)
	}
	return err
}

// checked remembers that something could not be written, so that a full disk
// does not end well.
type checked struct {
	io.Writer
	err error
}

// Write implements io.Writer.
func (c *checked) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

func (p *printer) say(format string, args ...any) {
	fmt.Fprintln(p.out, printable(fmt.Sprintf(format, args...)))
}

// printable keeps a name that somebody chose from steering the terminal of whoever
// reads it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// inLine is printable for what must not begin another line.
func inLine(text string) string {
	return printable(strings.ReplaceAll(text, "\n", string(unicode.ReplacementChar)))
}

// note says something beside the answer.
func (p *printer) note(format string, args ...any) {
	if p.quiet || p.json {
		return
	}
	p.clear()
	fmt.Fprintf(p.errs, format+"\n", args...)
}

// show draws how far something is, where somebody looks on.
func (p *printer) show(format string, args ...any) {
	if p.quiet || p.json || !p.progress {
		return
	}
	line := fmt.Sprintf(format, args...)
	fmt.Fprintf(p.errs, "\r%s%s", line, strings.Repeat(" ", max(0, p.drawn-len(line))))
	p.drawn = len(line)
}

// step says how far a long wait is: drawn where somebody looks on, else in a line
// of its own whenever it is another, so that a log shows that something goes on.
func (p *printer) step(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if p.progress {
		p.show("%s", line)
	} else if line != p.stepped {
		p.stepped = line
		p.note("%s", printable(line))
	}
}

// clear takes the progress line away.
func (p *printer) clear() {
	if p.drawn > 0 {
		fmt.Fprintf(p.errs, "\r%s\r", strings.Repeat(" ", p.drawn))
		p.drawn = 0
	}
}

// table writes rows under a head.
func (p *printer) table(head string, rows [][]string) {
	w := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, "|", "\t"))
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, text := range r {
			cells[i] = inLine(text)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // what cannot be written is told at the end
}

// facts writes names with their values.
func (p *printer) facts(pairs ...string) {
	w := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(w, "  %s\t%s\n", pairs[i], inLine(pairs[i+1]))
		}
	}
	_ = w.Flush()
}

// failed tells why a command did not end well and gives the exit code.
func (p *printer) failed(err error) int {
	p.clear()
	f := failureOf(err)
	if f.said {
		return f.exit
	}
	if p.json {
		type problem struct {
			Exit          int            `json:"exit"`
			Code          string         `json:"code"`
			Detail        string         `json:"detail"`
			Errors        []fieldProblem `json:"errors,omitempty"`
			CorrelationID string         `json:"correlationId,omitempty"`
		}
		b, merr := json.Marshal(map[string]problem{"error": {f.exit, f.code, f.sentence, f.fields, f.correlation}})
		if merr == nil {
			fmt.Fprintf(p.errs, "%s\n", b)
		}
		return f.exit
	}
	sentence := f.sentence
	if n := len(f.fields); n > 1 && !f.told { // the sentence is about the first
		sentence = fmt.Sprintf("%d values make no sense; nothing was changed.", n)
	}
	fmt.Fprintf(p.errs, "consentry: %s\n", printable(sentence))
	for _, field := range f.fields {
		if f.told {
			break
		}
		p.field(field, len(f.fields) == 1 && strings.Contains(sentence, field.Message), sentence)
	}
	if f.correlation != "" {
		fmt.Fprintf(p.errs, "  (correlation id %s)\n", f.correlation)
	}
	return f.exit
}

// field tells one field of a refusal; told: the sentence has its message already,
// so that only what it is about is left to say.
func (p *printer) field(f fieldProblem, told bool, sentence string) {
	switch {
	case f.Line > 0:
		fmt.Fprintf(p.errs, "  line %d, %s: %s\n", f.Line, f.Field, printable(f.Message))
	case !told:
		fmt.Fprintf(p.errs, "  %s: %s\n", printable(f.label()), printable(f.Message))
	case !strings.Contains(sentence, f.label()):
		fmt.Fprintf(p.errs, "  (%s)\n", printable(f.label()))
	}
}

// moment is a time of the API's; null is the zero one.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		m.Time = time.Time{}
		return nil
	}
	return json.Unmarshal(b, &m.Time)
}

// String writes the moment for a person: in UTC, and it says so.
func (m moment) String() string {
	if m.IsZero() {
		return "-"
	}
	return m.UTC().Format("2006-01-02 15:04 UTC")
}

// dateForms are how a date may be typed; without a zone it is UTC.
var dateForms = []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04"}

// parseDate reads a date until when something holds. A day alone is meant to its
// last second; untilWords says so.
func parseDate(flag, text string) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, time.UTC); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Second), nil
	}
	for _, form := range dateForms {
		if t, err := time.ParseInLocation(form, text, time.UTC); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage(flag, text, "no date: give one such as 2026-12-24, \"2026-12-24 18:00\" (UTC) or 2026-12-24T18:00:00+01:00")
}

// untilWords writes until when something holds.
func untilWords(m moment) string {
	if !m.IsZero() && m.UTC().Format(time.TimeOnly) == "23:59:59" {
		return m.String() + ", the end of that day"
	}
	return m.String()
}

// lifetime is a duration as people say it: 90d beside Go's 36h or 30m.
type lifetime string

// lifetime gives when something that lasts so long ends.
func (m *mistakes) lifetime(argument string, text lifetime) time.Time {
	d, err := time.ParseDuration(string(text))
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
		if n > maxDays {
			err = errors.New("too long")
		}
	}
	if err != nil || d <= 0 {
		m.add(argument, string(text), "no time to last: give for example 90d, 36h or 30m")
	}
	return time.Now().Add(d).UTC()
}

// maxDays keeps a slip of the finger out of arithmetic; the API's bounds are far
// below.
const maxDays = 10_000
