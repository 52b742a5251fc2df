package directory

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// named notes that a user has, or had, a principal name. Names are never taken out: a replica that lags still finds
// people under their former ones.
func (d *Directory) named(at uint32, name string) {
	key := strings.ToLower(name)
	if !slices.Contains(d.names[key], at) {
		d.names[key] = append(d.names[key], at)
	}
}

// byName finds a live user by principal name: among those that were created or changed by the index, among the
// generated ones by calculation.
func (v View) byName(name string) (uint32, bool) {
	candidates := v.d.names[strings.ToLower(name)]
	if v.d.seed != nil {
		if at, ok := v.d.seed.position(name); ok {
			candidates = append(slices.Clip(candidates), at)
		}
	}
	for _, at := range candidates {
		if o := v.as(at); o.state == live && sameText(o.user.UserPrincipalName, name) {
			return at, true
		}
	}
	return 0, false
}

// nameFree refuses a principal name that another live user has.
func (d *Directory) nameFree(name string, except uuid.UUID) error {
	if at, taken := d.Now().byName(name); taken && d.objects[at].id != except {
		return invalid("Another object with the same value for property userPrincipalName already exists.")
	}
	return nil
}

// position is which user of the seed might have been generated under a principal name. It undoes the walk of user
// through the full names.
func (g *generator) position(name string) (uint32, bool) {
	alias, _, _ := strings.Cut(strings.ToLower(name), "@")
	alias, _, _ = strings.Cut(alias, "_") // of guests: the partner follows
	full := strings.TrimRight(alias, "0123456789")
	round := 0
	if number := alias[len(full):]; number != "" {
		n, err := strconv.Atoi(number)
		if err != nil || n < 2 {
			return 0, false
		}
		round = n - 1
	}
	form, known := g.formOf[full]
	if !known || round > g.seed.Users/g.forms {
		return 0, false
	}
	offset := form - int(g.key%uint64(g.forms))
	at := ((offset%g.forms+g.forms)%g.forms*g.back)%g.forms + round*g.forms
	return uint32(at), at < g.seed.Users
}
