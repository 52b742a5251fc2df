package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"consentry/dev/world"
	"consentry/emulator"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// change makes one of each kind of change in a tenant's directory.
func (s *show) change(tenantID string, dump emulator.Dump) error {
	left, renamed := dump.Users[1], dump.Users[2]
	group := dump.Groups[0]
	joined, err := s.Emulator.CreateUser(tenantID, emulator.User{DisplayName: "Nora Neu", UserPrincipalName: "nora.neu@contoso.example", AccountEnabled: true, UserType: "Member"})
	if err != nil {
		return err
	}
	return errors.Join(
		s.Emulator.DeleteUser(tenantID, left.ID),
		s.Emulator.UpdateUser(tenantID, renamed.ID, emulator.Patch{"displayName": "Renamed at Microsoft", "department": nil}),
		s.Emulator.AddMember(tenantID, group.ID, joined),
	)
}

// compareEverything sets every customer's mirror beside its directory at
// Microsoft, object by object and property by property.
func (s *show) compareEverything(ctx context.Context) error {
	var total domain.Counts
	var differences []string
	for _, c := range s.world.Customers {
		counts, found, err := s.compare(ctx, c)
		if err != nil {
			return fmt.Errorf("compare the mirror of %s: %w", c.Name, err)
		}
		differences = append(differences, found...)
		total.Users += counts.Users
		total.Groups += counts.Groups
		total.Memberships += counts.Memberships
		s.say("%s: the mirror and Microsoft's directory compared, %d differences", c.Name, len(found))
	}
	for _, d := range differences[:min(len(differences), 20)] {
		s.say("  %s", d)
	}
	if len(differences) > 0 {
		return fmt.Errorf("%d differences between mirrors and directories", len(differences))
	}
	fmt.Fprintf(s.out, "demo ok: %d migrated, %d users, %d groups, %d memberships, 0 differences\n", s.migrated, total.Users, total.Groups, total.Memberships)
	return nil
}

func (s *show) compare(ctx context.Context, c world.Customer) (counts domain.Counts, differences []string, err error) {
	dump := s.Emulator.Directory(c.Tenant.ID)
	err = s.App.Service.Read(ctx, domain.System("demonstration"), func(tx *service.Tx) error {
		m := tx.Mirror()
		users, err := compareObjects(m, c.Integration, dirsync.Users, dirsync.UserSelect, dump.Users, func(u emulator.User) string { return u.ID })
		if err != nil {
			return err
		}
		groups, err := compareObjects(m, c.Integration, dirsync.Groups, dirsync.GroupSelect, dump.Groups, func(g emulator.Group) string { return g.ID })
		if err != nil {
			return err
		}
		edges, err := compareEdges(m, c.Integration, dump.Memberships)
		differences = slices.Concat(users, groups, edges)
		counts = domain.Counts{Users: int64(len(dump.Users)), Groups: int64(len(dump.Groups)), Memberships: int64(len(dump.Memberships))}
		return err
	})
	return counts, differences, err
}

const pageSize = 1000

// compareObjects decodes both sides independently: the mirror's stored record,
// and the emulator's own model through its own JSON names.
func compareObjects[T any](m service.Mirror, integration string, stream dirsync.Stream, selected []string, want []T, id func(T) string) ([]string, error) {
	held := map[string]dirsync.Object{}
	for after := ""; ; {
		objects, err := m.Objects(integration, stream, after, pageSize)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			held[o.ID] = o
			after = o.ID
		}
		if len(objects) < pageSize {
			break
		}
	}
	var differences []string
	for _, w := range want {
		o, ok := held[id(w)]
		if !ok {
			differences = append(differences, fmt.Sprintf("%s %s is missing in the mirror", stream, id(w)))
			continue
		}
		delete(held, o.ID)
		fields, err := differing(o, w, selected)
		if err != nil {
			return nil, err
		}
		if len(fields) > 0 {
			differences = append(differences, fmt.Sprintf("%s %s differs in %s", stream, o.ID, strings.Join(fields, ", ")))
		}
	}
	for extra := range held {
		differences = append(differences, fmt.Sprintf("%s %s is not at Microsoft", stream, extra))
	}
	return differences, nil
}

func differing(o dirsync.Object, want any, selected []string) ([]string, error) {
	var have, at map[string]any
	b, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(json.Unmarshal(b, &at), json.Unmarshal(o.Data, &have)); err != nil {
		return nil, err
	}
	var fields []string
	for _, name := range selected {
		if name == "id" || name == "members" {
			continue // the key, and the memberships, which are compared by themselves
		}
		if canonical(have[name]) != canonical(at[name]) {
			fields = append(fields, name)
		}
	}
	return fields, nil
}

// canonical makes values comparable: lists without order, and nothing, the empty
// text and the empty list alike.
func canonical(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any:
		parts := make([]string, 0, len(v))
		for _, p := range v {
			parts = append(parts, fmt.Sprint(p))
		}
		slices.Sort(parts)
		return strings.Join(parts, "\x00")
	default:
		return fmt.Sprint(v)
	}
}

func compareEdges(m service.Mirror, integration string, want []emulator.Membership) ([]string, error) {
	held := map[dirsync.Edge]bool{}
	for after := (dirsync.Edge{}); ; {
		edges, err := m.Edges(integration, after, pageSize)
		if err != nil {
			return nil, err
		}
		for _, e := range edges {
			held[e.Edge] = true
			after = e.Edge
		}
		if len(edges) < pageSize {
			break
		}
	}
	var differences []string
	for _, w := range want {
		e := dirsync.Edge{GroupID: w.GroupID, MemberID: w.MemberID}
		if !held[e] {
			differences = append(differences, fmt.Sprintf("membership of %s in %s is missing in the mirror", e.MemberID, e.GroupID))
		}
		delete(held, e)
	}
	for e := range held {
		differences = append(differences, fmt.Sprintf("membership of %s in %s is not at Microsoft", e.MemberID, e.GroupID))
	}
	return differences, nil
}
