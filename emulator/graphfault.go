package emulator

import (
	"net/http"
	"net/url"
	"strings"
)

func isGraph(path string) bool {
	return strings.HasPrefix(path, "/v1.0/") || strings.HasPrefix(path, "/beta/")
}

// faultTexts are how Graph words an error of a status (facts 7.2).
var faultTexts = map[int]graphError{
	http.StatusBadRequest:          {code: "Request_BadRequest", message: "The request is invalid."},
	http.StatusUnauthorized:        {code: "InvalidAuthenticationToken", message: "Access token has expired or is not yet valid."},
	http.StatusForbidden:           {code: errForbidden.code, message: errForbidden.message},
	http.StatusNotFound:            {code: "Request_ResourceNotFound", message: "Resource does not exist or one of its queried reference-property objects are not present."},
	http.StatusMethodNotAllowed:    {code: errMethod.code, message: errMethod.message},
	http.StatusGone:                {code: "resyncRequired", message: "The sync state is no longer available. Synchronize again from the beginning."},
	http.StatusTooManyRequests:     {code: "TooManyRequests", message: "Too many requests."},
	http.StatusInternalServerError: {code: "InternalServerError", message: "An internal server error occurred."},
	http.StatusNotImplemented:      {code: "NotImplemented", message: "This operation target is not yet supported."},
	http.StatusServiceUnavailable:  {code: "serviceNotAvailable", message: "The service is temporarily unavailable."},
}

// graphFault words an error as Graph itself would say it, with the headers that belong to it. Page and body of the
// fault's own come from elsewhere and have none of this.
func graphFault(c *call, r *reply) {
	text, known := faultTexts[r.status]
	if !known {
		text = graphError{code: "UnknownError", message: "Emulated fault."}
	}
	h := graphHeader(r.header, c)
	switch r.status {
	case http.StatusUnauthorized:
		h.Set("Www-Authenticate", challenge(c.origin))
	case http.StatusTooManyRequests:
		h.Set("X-Ms-Throttle-Scope", "Tenant_Application/ReadWrite/"+c.entry.AppID+"/"+c.entry.TenantID)
		h.Set("X-Ms-Throttle-Information", "CPULimitExceeded")
		h.Set("X-Ms-Throttle-Limit-Percentage", "1.00")
	case http.StatusGone:
		if again := freshDelta(c); again != "" {
			h.Set("Location", again)
		}
	}
	r.body = []byte(graphErrorBody(c, text.code, text.message, c.entry.At))
}

// challenge is what every 401 of Graph carries (facts 7.3).
func challenge(authority string) string {
	return `Bearer realm="", authorization_uri="` + authority + `/common/oauth2/authorize", client_id="` + graphAppID + `"`
}

// freshDelta is where a delta query begins anew: the address that was asked with an empty token. What the token held
// of the question is lost, as the fault did not look into it.
func freshDelta(c *call) string {
	path := segments(strings.Trim(c.URL.Path, "/"))
	if len(path) != 3 || path[2] != "delta" {
		return ""
	}
	query := url.Values{}
	for name, values := range c.URL.Query() {
		if !strings.EqualFold(name, "$"+deltaToken) && !strings.EqualFold(name, "$"+skipToken) {
			query[name] = values
		}
	}
	query.Set("$"+deltaToken, "")
	return c.origin + "/" + strings.Join(path, "/") + "?" + query.Encode()
}
