package console

import (
	"net/http"
	"net/url"

	"consentry/internal/domain"
)

// accountsPage lets somebody of several accounts, or an operator, choose one.
type accountsPage struct {
	layout
	Text     string
	Accounts []accountLink
	More     bool
}

// signInPage is what somebody who is not signed in sees at any address.
type signInPage struct {
	layout
	Address string // of the sign-in, with the way back
}

// errorPage says what happened, what still works and what to do.
type errorPage struct {
	layout
	Heading string
	Words   string
	Advice  string
	Code    string
	ID      string // correlation id, to quote
	Links   []Link
}

// accountsShown is how many accounts the list shows before it has to be searched.
const accountsShown = 100

func (p *Pages) accountsPage(caller domain.Caller, list []domain.Account, more bool, text string) accountsPage {
	self := "/accounts"
	if text != "" {
		self += "?q=" + url.QueryEscape(text)
	}
	page := accountsPage{
		layout: layout{Product: p.product, Title: "Accounts", Self: self, Section: pageAccounts, AsOf: p.now(), Person: p.personHead(caller, "")},
		Text:   text, More: more,
	}
	for _, a := range list {
		page.Accounts = append(page.Accounts, accountLink{Name: a.Name, Region: regionWords(a.Region), Address: "/connectors?account=" + url.QueryEscape(a.ID)})
	}
	return page
}

func (p *Pages) signInPage(self string) signInPage {
	return signInPage{layout: layout{Product: p.product, Title: "Sign in", Self: self}, Address: p.signIn + "?return=" + url.QueryEscape(self)}
}

// errorTexts are the heading and the advice for each kind of failure.
var errorTexts = map[int][2]string{
	http.StatusForbidden:          {"You may not do this", "Ask somebody of your account who has the role, or go back to what you may see."},
	http.StatusNotFound:           {"There is nothing here", "Check the address. If somebody sent it to you, your account may not be the one it belongs to."},
	http.StatusMethodNotAllowed:   {"That is not possible here", "Go back and try again from the page itself."},
	http.StatusConflict:           {"Somebody was faster", "Go back, look at how things stand now, and try again."},
	http.StatusGone:               {"This is complete", "There is nothing left to do here."},
	http.StatusServiceUnavailable: {"We cannot reach a part of the service", "Nothing is lost. Directory synchronization goes on by itself as soon as it can; try again in a minute."},
}

// errorPage offers to try again, at again, what may succeed the next time.
func (p *Pages) errorPage(caller domain.Caller, code int, err error, id, again string) errorPage {
	text, known := errorTexts[code]
	if !known {
		text = [2]string{"Something went wrong on our side", "Nothing you entered was carried out. Try again in a minute; if it happens again, tell us the id below."}
	}
	page := errorPage{
		layout:  layout{Product: p.product, Title: "Error: " + text[0], Self: "/", Person: p.personHead(caller, "")},
		Heading: text[0], Advice: text[1], ID: id, Links: []Link{{Href: "/", Text: "To the start page"}},
	}
	if again != "" && code >= http.StatusInternalServerError {
		page.Links = append([]Link{{Href: again, Text: "Try again"}}, page.Links...)
	}
	if kind := domain.KindOf(err); kind != "" && kind != domain.Unavailable {
		page.Words = sentence(err)
	}
	return page
}
