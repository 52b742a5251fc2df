package emulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// authError is a refusal of the sign-in service, known by its AADSTS number.
type authError struct {
	code     int
	status   int
	name     string // OAuth error
	subError string
	text     string
	after    string // Retry-After
}

func (e *authError) Error() string { return fmt.Sprintf("AADSTS%d: %s", e.code, e.text) }

// aadsts makes the refusal of a number, with the values its wording asks for.
func aadsts(code int, values ...any) *authError {
	kind, known := authErrors[code]
	if !known {
		panic(fmt.Sprintf("no wording for AADSTS%d", code))
	}
	text := kind.format
	if len(values) > 0 {
		text = fmt.Sprintf(kind.format, values...)
	}
	return &authError{code: code, status: kind.status, name: kind.name, text: text}
}

// plainText is a wording without the values that only the case itself could give it.
func plainText(format string, c *call) string {
	return strings.NewReplacer("%[3]s", c.entry.AppID, "%s", cmp.Or(c.entry.AppID, c.entry.TenantID, "unknown")).Replace(format)
}

// under is the refusal as the switches want it told.
func (e *authError) under(switches *Switches) *authError {
	told := *e
	if other, changed := switches.Refusals[e.code]; changed {
		if other.Status != 0 {
			told.status = other.Status
		}
		if other.Error != "" {
			told.name = other.Error
		}
	}
	return &told
}

// describe is the error_description: the number, the wording and what a support case needs.
func (e *authError) describe(c *call) string {
	space := "\r\n"
	if c.switches.SpacedDescriptions {
		space = " "
	}
	return fmt.Sprintf("AADSTS%d: %s%[3]sTrace ID: %[4]s%[3]sCorrelation ID: %[5]s%[3]sTimestamp: %[6]s",
		e.code, strings.TrimSuffix(e.text, "\r\n"), space, c.id, c.correlation, c.entry.At.Format("2006-01-02 15:04:05Z"))
}

// writeAuthError answers a program.
func writeAuthError(w http.ResponseWriter, c *call, e *authError) {
	c.entry.Code = fmt.Sprintf("AADSTS%d", e.code)
	e = e.under(c.switches)
	body := map[string]any{
		"error": e.name, "error_description": e.describe(c), "error_codes": []int{e.code},
		"timestamp": c.entry.At.Format("2006-01-02 15:04:05Z"), "trace_id": c.id, "correlation_id": c.correlation,
		"error_uri": fmt.Sprintf("%s/error?code=%d", c.origin, e.code),
	}
	if c.switches.NoErrorURI {
		delete(body, "error_uri")
	}
	if e.subError != "" {
		body["suberror"] = e.subError
	}
	if e.after != "" {
		w.Header().Set("Retry-After", e.after)
	}
	writeAuthJSON(w, c, e.status, body)
}

func writeAuthJSON(w http.ResponseWriter, c *call, status int, body any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("x-ms-request-id", c.id)
	h.Set("x-ms-ests-server", "emulator")
	h.Set("client-request-id", c.correlation)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
