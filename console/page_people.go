package console

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// peoplePage is who and what has access: to an account, or as an operator.
type peoplePage struct {
	layout
	allowed
	Action      string
	Vendor      bool // the operators' own
	AsOf        time.Time
	People      []personRow
	Invitations []invitationRow
	Tokens      []tokenRow
	More        bool
	Once        *shownOnce
	Invite      *accessForm // nil: not for this caller
	Issue       *accessForm
}

// shownOnce is a value of which this page is the only copy.
type shownOnce struct {
	Heading, Words, Value string
	Until                 time.Time
}

// accessForm asks for a name, a role and how long.
type accessForm struct {
	Name      string
	NameError string
	Error     string   // of the other fields
	Roles     []option // none: there is but one
	Days      []option
}

type option struct {
	Value, Words string
	Chosen       bool
}

// rowForm is the form in a row: where it goes, and what is wrong with it, which
// then stands open.
type rowForm struct {
	Action string
	Open   bool
	Error  string
}

type personRow struct {
	rowForm
	ID, Name, Subject string
	Role              string
	You               bool
	GivenBy           string
	Since, SignedIn   time.Time
	Roles             []option
}

type invitationRow struct {
	ID, Name, Role, By string
	Until              time.Time
	Open               bool
	Status             status
}

type tokenRow struct {
	rowForm
	ID, Name, Role, By  string
	Issued, Until, Used time.Time
	Working             bool
	Status              status
}

// sectionOperators is the same page about the vendor's own.
const sectionOperators = "operators"

// How long an invitation and a token may work, in days; the second is chosen.
var (
	invitationDays = []option{{"1", "1 day", false}, {"3", "3 days", true}, {"14", "14 days", false}}
	tokenDays      = []option{{"30", "30 days", false}, {"90", "90 days", true}, {"366", "a year", false}}
)

// roleOptions are the roles in an account, the least first.
func roleOptions(chosen domain.Role, roles ...domain.Role) []option {
	list := make([]option, 0, len(roles))
	for _, r := range roles {
		list = append(list, option{Value: string(r), Words: roleWords(r), Chosen: r == chosen})
	}
	return list
}

func (p *Pages) peoplePage(caller domain.Caller, v service.ViewAccess, self string) peoplePage {
	page := peoplePage{Action: self, Vendor: v.Account.ID == "", AsOf: v.AsOf, More: v.More}
	if page.Vendor {
		page.layout = layout{Product: p.product, Title: "Operators", Self: self, Section: sectionOperators, AsOf: v.AsOf, Person: p.personHead(caller, "")}
		page.May = true
	} else {
		page.layout = p.newLayout(caller, v.ViewShell, "People and tokens", pagePeople, self)
		page.allowed = allowed{May: caller.Operator() || caller.Has(domain.RoleApprove, v.Account.ID), Role: string(domain.RoleApprove), Who: v.Managers}
	}
	if page.May {
		page.Invite, page.Issue = &accessForm{Days: slices.Clone(invitationDays)}, &accessForm{Days: slices.Clone(tokenDays)}
	}
	if page.May && !page.Vendor {
		page.Invite.Roles = roleOptions(domain.RoleView, domain.RoleView, domain.RoleMigrate, domain.RoleApprove)
		page.Issue.Roles = roleOptions(domain.RoleView, domain.RoleView, domain.RoleMigrate, domain.RoleApprove)
		if !caller.Has(domain.RoleApprove, v.Account.ID) { // an operator decides nothing there, and neither does a token of his
			page.Issue.Roles = page.Issue.Roles[:1]
		}
	}
	for _, a := range v.People {
		row := personRow{
			rowForm: rowForm{Action: self}, ID: a.Person.ID, Name: a.Person.Name, Subject: a.Person.Subject, Role: roleWords(a.Grant.Role), You: a.Person.ID == caller.ID,
			GivenBy: cmp.Or(a.GrantedBy, a.Grant.GrantedBy), Since: a.Grant.GrantedAt.Time, SignedIn: a.Person.SignedInAt.Time,
		}
		if page.May && !page.Vendor {
			row.Roles = roleOptions(a.Grant.Role, domain.RoleView, domain.RoleMigrate, domain.RoleApprove)
		}
		page.People = append(page.People, row)
	}
	for _, i := range v.Invitations {
		row := invitationRow{ID: i.ID, Name: i.Name, Role: roleWords(i.Role), By: cmp.Or(v.Names[i.InvitedBy], i.InvitedBy), Until: i.ExpiresAt.Time, Status: status{Word: "Ended"}}
		if row.Open = i.Open(domain.At(v.AsOf)); row.Open {
			row.Status = status{Word: "Open", Tone: "info"}
		}
		page.Invitations = append(page.Invitations, row)
	}
	for _, t := range v.Tokens {
		row := tokenRow{
			rowForm: rowForm{Action: self}, ID: t.ID, Name: t.Name, Role: roleWords(t.Role), By: cmp.Or(v.Names[t.CreatedBy], t.CreatedBy),
			Issued: t.CreatedAt.Time, Until: t.ExpiresAt.Time, Used: t.LastUsedAt.Time, Status: status{Word: "Ended"},
		}
		if row.Working = t.Works(domain.At(v.AsOf)); row.Working {
			row.Status = status{Word: "Works", Tone: "ok"}
		}
		page.Tokens = append(page.Tokens, row)
	}
	return page
}

// invitationLink is what the invited person opens.
func (p *Pages) invitationLink(value string) string {
	return p.public + "/auth/invitation/" + url.PathEscape(value)
}
