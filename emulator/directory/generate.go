package directory

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Seed describes a generated directory. The same seed gives the same directory, object by object.
type Seed struct {
	Tenant        string
	Domain        string
	Number        uint64
	Users, Groups int
}

// generator tells any user of a seed by its position, so that a large tenant need not be held in memory until
// somebody changes it.
type generator struct {
	seed  Seed
	key   uint64
	forms int // distinct full names before numbering begins
	step  int // walks through the full names in an order that does not look sorted
	back  int // the inverse of step: walks back
	// formOf tells the place of a full name as it stands in addresses.
	formOf map[string]int
}

func newGenerator(seed Seed) *generator {
	g := &generator{seed: seed, key: seed.Number, forms: len(givenNames) * len(surnames)}
	for _, b := range []byte(strings.ToLower(seed.Tenant)) {
		g.key = mix(g.key ^ uint64(b))
	}
	for g.step = g.forms*5/8 | 1; gcd(g.step, g.forms) != 1; {
		g.step += 2
	}
	for g.back = 1; g.back*g.step%g.forms != 1; {
		g.back++
	}
	g.formOf = make(map[string]int, g.forms)
	for form := range g.forms {
		g.formOf[givenNames[form%len(givenNames)].ascii+"."+surnames[form/len(givenNames)].ascii] = form
	}
	return g
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// mix is the finaliser of splitmix64: it spreads neighbouring inputs over all 64 bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// draw is a fixed random number for one question (salt) about one object.
func (g *generator) draw(object, salt int) uint64 {
	return mix(g.key ^ mix(uint64(object)<<16|uint64(salt)))
}

func (g *generator) chance(object, salt, percent int) bool {
	return g.draw(object, salt)%100 < uint64(percent)
}

func (g *generator) id(object int) uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], g.draw(object, 0))
	binary.BigEndian.PutUint64(id[8:], g.draw(object, 1))
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

func pick[T any](from []T, n uint64) T { return from[n%uint64(len(from))] }

var epoch = time.Date(2019, time.March, 4, 8, 0, 0, 0, time.UTC)

func (g *generator) moment(object, salt int) string {
	return epoch.Add(time.Duration(g.draw(object, salt)%(5*365*24*3600)) * time.Second).Format(time.RFC3339)
}

// user tells the user at a position.
func (g *generator) user(i int) *User {
	form := (i*g.step + int(g.key%uint64(g.forms))) % g.forms
	given, family := givenNames[form%len(givenNames)], surnames[form/len(givenNames)]
	alias := given.ascii + "." + family.ascii
	if round := i / g.forms; round > 0 {
		alias += fmt.Sprint(round + 1)
	}
	u := &User{
		ID:                g.id(i).String(),
		DisplayName:       given.written + " " + family.written,
		GivenName:         given.written,
		Surname:           family.written,
		AccountEnabled:    !g.chance(i, 2, 5),
		UserType:          "Member",
		CreatedDateTime:   g.moment(i, 3),
		PreferredLanguage: given.language,
		EmployeeID:        fmt.Sprintf("E%06d", i+1),
	}
	if i%25 == 7 {
		return g.guest(i, u, alias)
	}
	place := pick(places, g.draw(i, 4))
	department := pick(departments, g.draw(i, 5))
	u.Department, u.JobTitle = department, pick(titles, g.draw(i, 6))
	u.City, u.Country, u.UsageLocation, u.OfficeLocation = place.city, place.country, place.code, place.city+" "+fmt.Sprint(1+g.draw(i, 7)%9)
	u.MailNickname = alias
	u.UserPrincipalName = alias + "@" + g.seed.Domain
	if !g.chance(i, 8, 4) { // some accounts have no mailbox
		u.Mail = u.UserPrincipalName
		u.ProxyAddresses = []string{"SMTP:" + u.Mail}
		if g.chance(i, 9, 30) {
			u.ProxyAddresses = append(u.ProxyAddresses, "smtp:"+given.ascii[:1]+family.ascii+fmt.Sprint(i)+"@"+g.seed.Domain)
		}
	}
	if g.chance(i, 10, 40) {
		u.MobilePhone = fmt.Sprintf("+49 151 %07d", g.draw(i, 11)%10_000_000)
	}
	if g.chance(i, 12, 50) {
		u.BusinessPhones = []string{fmt.Sprintf("+49 30 %06d", g.draw(i, 13)%1_000_000)}
	}
	if g.chance(i, 14, 20) {
		g.onPremises(i, u, alias)
	}
	return u
}

func (g *generator) guest(i int, u *User, alias string) *User {
	partner := pick(partners, g.draw(i, 4))
	u.UserType, u.CreationType, u.ExternalUserState = "Guest", "Invitation", "Accepted"
	if g.chance(i, 5, 20) {
		u.ExternalUserState = "PendingAcceptance"
	}
	u.Mail = alias + "@" + partner
	u.MailNickname = alias + "_" + partner + "#EXT#"
	u.UserPrincipalName = u.MailNickname + "@" + g.seed.Domain
	u.ProxyAddresses = []string{"SMTP:" + u.Mail}
	u.OtherMails = []string{u.Mail}
	u.EmployeeID, u.PreferredLanguage = "", ""
	return u
}

func (g *generator) onPremises(i int, u *User, alias string) {
	synced := true
	short := alias
	if len(short) > 20 { // the limit of sAMAccountName
		short = short[:20]
	}
	u.OnPremisesSyncEnabled = &synced
	id := g.id(i)
	u.OnPremisesImmutableID = base64.StdEncoding.EncodeToString(id[:])
	u.OnPremisesSamAccountName = short
	u.OnPremisesDomainName = "corp." + g.seed.Domain
	u.OnPremisesUserPrincipalName = alias + "@" + u.OnPremisesDomainName
	u.OnPremisesDistinguishedName = "CN=" + u.DisplayName + ",OU=" + u.Department + ",DC=corp"
	u.OnPremisesSecurityIdentifier = fmt.Sprintf("S-1-5-21-%d-%d-%d", g.key%1_000_000_000, g.key>>32%1_000_000_000, 1100+i)
	u.OnPremisesLastSyncDateTime = g.moment(i, 15)
}

// fill puts the seed's objects into an empty directory: users first, so that a user's position is its number.
func (g *generator) fill(d *Directory) {
	d.objects = make([]object, 0, g.seed.Users+g.seed.Groups+16)
	for i := range g.seed.Users {
		d.insert(object{id: g.id(i), kind: KindUser})
	}
	for j := range g.seed.Groups {
		made := g.group(j)
		d.insert(object{id: uuid.MustParse(made.ID), kind: KindGroup, group: made})
	}
	g.join(d)
}

// Groups with a fixed part to play; the others are departments and projects.
const (
	allStaff = iota
	emptyGroup
	firstOrdinary
)

func (g *generator) group(j int) *Group {
	object := g.seed.Users + j
	made := &Group{ID: g.id(object).String(), SecurityEnabled: true, CreatedDateTime: g.moment(object, 3)}
	switch j {
	case allStaff:
		made.DisplayName, made.Description = "All staff", "Everybody employed"
	case emptyGroup:
		made.DisplayName, made.Description = "Reserved (empty)", "Kept for later; nobody is in it"
	default:
		made.DisplayName = fmt.Sprintf("%s %s %d", pick(departments, g.draw(object, 4)), pick(purposes, g.draw(object, 5)), j)
		if g.chance(object, 6, 60) {
			made.Description = "Members of " + made.DisplayName + " – maintained by its owners"
		}
	}
	made.MailNickname = fmt.Sprintf("group-%d", j)
	switch {
	case j%10 == 4:
		made.GroupTypes, made.Visibility = []string{"Unified"}, "Private"
		made.MailEnabled, made.SecurityEnabled = true, false
		made.Mail = made.MailNickname + "@" + g.seed.Domain
		made.ProxyAddresses = []string{"SMTP:" + made.Mail}
	case j%10 == 7:
		made.GroupTypes, made.MembershipRule = []string{"DynamicMembership"}, `user.department -eq "Sales"`
	case j%10 == 9:
		synced := true
		made.OnPremisesSyncEnabled, made.OnPremisesSamAccountName = &synced, made.MailNickname
		made.OnPremisesDomainName = "corp." + g.seed.Domain
	}
	return made
}

// join makes the memberships: everybody employed in one large group, each user in a few of the others, and groups in
// groups, with one cycle, which Entra allows too.
func (g *generator) join(d *Directory) {
	users, groups := g.seed.Users, g.seed.Groups
	if groups == 0 {
		return
	}
	put := func(group, member int) {
		o := &d.objects[users+group]
		o.members = append(o.members, membership{member: uint32(member)})
	}
	ordinary := groups - firstOrdinary
	for i := range users {
		if i%25 != 7 { // guests are not staff
			put(allStaff, i)
		}
		if ordinary <= 0 {
			continue
		}
		first := int(g.draw(i, 20) % uint64(ordinary))
		for k := range min(int(g.draw(i, 21)%6), ordinary) {
			put(firstOrdinary+(first+k*k)%ordinary, i)
		}
	}
	for j := firstOrdinary + 3; j < groups; j++ {
		if j%3 == 0 {
			put(firstOrdinary+(j-firstOrdinary)/4, users+j)
		}
	}
	if ordinary >= 12 {
		put(groups-1, users+groups-2)
		put(groups-2, users+groups-1)
	}
	for j := range groups {
		d.objects[users+j].members = distinct(d.objects[users+j].members)
	}
}

// distinct drops the memberships that the draw produced twice.
func distinct(members []membership) []membership {
	seen := make(map[uint32]struct{}, len(members))
	kept := members[:0]
	for _, m := range members {
		if _, twice := seen[m.member]; !twice {
			seen[m.member] = struct{}{}
			kept = append(kept, m)
		}
	}
	return kept
}
