package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"os"
)

type replaceSecret struct {
	Integration string `arg:"" help:"Id of the integration."`
	Ends        string `required:"" placeholder:"DATE" help:"When the new secret expires, as the portal shows it: 2027-12-24 (to the end of that day, UTC), \"2027-12-24 18:00\" (UTC), or RFC 3339."`
	SecretFile  string `name:"secret-file" placeholder:"FILE" help:"File that holds the secret's Value alone; without it, standard input does. There is no flag for the secret itself: other people of the machine see command lines."`
}

func (c *replaceSecret) Run(e *env) error {
	ends, err := parseDate("--ends", c.Ends)
	if err != nil {
		return err
	}
	secret, err := interruptible(e.ctx, func() ([]byte, error) { return c.read(e.in) })
	if err != nil {
		return err
	}
	var r struct {
		SecretEndsAt moment `json:"secretEndsAt"`
		Next         string `json:"next"`
	}
	doc, err := e.api.call(e.ctx, request{
		method: http.MethodPut, path: "/integrations/" + url.PathEscape(c.Integration) + "/legacy-secret", key: "cli-" + rand.Text(), after: aftermath{look: "explain " + c.Integration, safe: "the same secret twice is one"},
		body: map[string]any{"secret": string(secret), "secretEndsAt": ends.UTC()},
	}, &r)
	if err != nil {
		return err
	}
	return e.out.answer(doc, c.Integration, func() {
		e.out.say("The old app's secret is replaced, and the one of before is destroyed here. The new one ends on %s.", untilWords(r.SecretEndsAt))
		e.out.say("%s `consentry explain %s` says how it fares.", r.Next, c.Integration)
	})
}

// maxSecretFile bounds what is read as a secret: whatever is longer is another file.
const maxSecretFile = 4 << 10

// read gives the secret without the line break that editors and echo put behind
// it. A terminal would show what is typed into it.
func (c *replaceSecret) read(in io.Reader) ([]byte, error) {
	source := "standard input"
	if c.SecretFile != "" {
		f, err := os.Open(c.SecretFile)
		if err != nil {
			return nil, usage("--secret-file", "", unreadable(err))
		}
		defer func() { _ = f.Close() }() // it was only read
		in, source = f, "--secret-file"
	} else if f, ok := in.(*os.File); ok && isTerminal(f) {
		return nil, usage("standard input", "", "a secret that is typed here would be seen: name its file with --secret-file, or pipe it to standard input")
	}
	content, err := io.ReadAll(io.LimitReader(in, maxSecretFile+1))
	if err != nil {
		return nil, usage(source, "", unreadable(err))
	}
	content = bytes.TrimSpace(content)
	switch {
	case len(content) == 0:
		return nil, usage(source, "", "empty; it must hold the secret's Value")
	case len(content) > maxSecretFile:
		return nil, usage(source, "", "too long to be a secret; it must hold the Value alone")
	}
	return content, nil
}
