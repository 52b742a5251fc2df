package directory

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Mutation is one change to a directory, in the form that the mutation log and the control API hold it.
type Mutation struct {
	Op       string `json:"op"`
	ID       string `json:"id,omitempty"`       // the object changed; for memberships the group
	MemberID string `json:"memberId,omitempty"` // who joins, leaves, owns, or manages
	To       string `json:"to,omitempty"`       // the group a member moves to
	Name     string `json:"name,omitempty"`     // a new user principal name, or a group's new display name
	User     *User  `json:"user,omitempty"`
	Group    *Group `json:"group,omitempty"`
	Set      Patch  `json:"set,omitempty"`
}

// Operations of a Mutation.
const (
	OpCreateUser   = "create-user"
	OpUpdateUser   = "update-user"
	OpDeleteUser   = "delete-user" // to the recycle bin
	OpCreateGroup  = "create-group"
	OpUpdateGroup  = "update-group"
	OpDeleteGroup  = "delete-group"
	OpRestore      = "restore" // from the recycle bin
	OpPurge        = "purge"   // for good
	OpAddMember    = "add-member"
	OpRemoveMember = "remove-member"
	OpRename       = "rename"      // a user with address and aliases as well, or a group
	OpMoveMember   = "move-member" // from one group to another at once
	OpAddOwner     = "add-owner"
	OpRemoveOwner  = "remove-owner"
	OpSetManager   = "set-manager" // of the user ID, in place of the one before
	OpDropManager  = "remove-manager"
)

// Operations are all of them.
var Operations = []string{OpCreateUser, OpUpdateUser, OpDeleteUser, OpCreateGroup, OpUpdateGroup, OpDeleteGroup, OpRestore, OpPurge,
	OpAddMember, OpRemoveMember, OpRename, OpMoveMember, OpAddOwner, OpRemoveOwner, OpSetManager, OpDropManager}

// everything is the change of an object that appears or disappears, whatever is selected.
const everything = ^Relations

// Apply makes one change, or returns a NotFoundError, InvalidError or UnknownPropertyError and changes nothing.
func (d *Directory) Apply(m Mutation) error {
	switch m.Op {
	case OpCreateUser:
		return d.createUser(m.User)
	case OpUpdateUser:
		return d.updateUser(m.ID, m.Set)
	case OpCreateGroup:
		return d.createGroup(m.Group)
	case OpUpdateGroup:
		return d.updateGroup(m.ID, m.Set)
	case OpDeleteUser:
		return d.remove(KindUser, m.ID)
	case OpDeleteGroup:
		return d.remove(KindGroup, m.ID)
	case OpRestore:
		return d.restore(m.ID)
	case OpPurge:
		return d.purge(m.ID)
	case OpAddMember:
		return d.addMember(m.ID, m.MemberID)
	case OpRemoveMember:
		return d.removeMember(m.ID, m.MemberID)
	case OpRename:
		return d.rename(m.ID, m.Name)
	case OpMoveMember:
		return d.moveMember(m.ID, m.MemberID, m.To)
	case OpAddOwner:
		return d.addOwner(m.ID, m.MemberID)
	case OpRemoveOwner:
		return d.removeOwner(m.ID, m.MemberID)
	case OpSetManager:
		return d.setManager(m.ID, m.MemberID)
	case OpDropManager:
		return d.dropManager(m.ID)
	}
	return invalid("Unknown operation '%s': there are %s.", m.Op, strings.Join(Operations, ", "))
}

func (d *Directory) createUser(u *User) error {
	if u == nil {
		return invalid("A user is needed.")
	}
	id, err := d.newID(u.ID)
	if err != nil {
		return err
	}
	if u.DisplayName == "" || u.UserPrincipalName == "" {
		return invalid("A user needs displayName and userPrincipalName.")
	}
	if err := d.nameFree(u.UserPrincipalName, id); err != nil {
		return err
	}
	made := *u
	made.ID = id.String()
	if made.UserType == "" {
		made.UserType = "Member"
	}
	at := d.insert(object{id: id, kind: KindUser, user: &made, ever: held(userTable, &made), born: d.Sequence() + 1})
	d.record(at, everything, nothing)
	d.named(at, made.UserPrincipalName)
	return nil
}

func (d *Directory) createGroup(g *Group) error {
	if g == nil {
		return invalid("A group is needed.")
	}
	id, err := d.newID(g.ID)
	if err != nil {
		return err
	}
	if g.DisplayName == "" {
		return invalid("A group needs displayName.")
	}
	made := *g
	made.ID = id.String()
	at := d.insert(object{id: id, kind: KindGroup, group: &made, ever: held(groupTable, &made), born: d.Sequence() + 1})
	d.record(at, everything, nothing)
	return nil
}

func (d *Directory) newID(id string) (uuid.UUID, error) {
	parsed, err := parseID(id)
	if err != nil {
		return parsed, err
	}
	if _, taken := d.byID[parsed]; taken {
		return parsed, invalid("Another object with the id '%s' already exists.", id)
	}
	return parsed, nil
}

func (d *Directory) updateUser(id string, set Patch) error {
	at, err := d.find(KindUser, id)
	if err != nil {
		return err
	}
	before := d.userAt(at)
	after, err := patched(KindUser, userTable, before, set)
	if err != nil {
		return err
	}
	if !sameText(before.UserPrincipalName, after.UserPrincipalName) {
		if err := d.nameFree(after.UserPrincipalName, d.objects[at].id); err != nil {
			return err
		}
	}
	if diff := changed(userTable, before, after); diff != 0 {
		d.record(at, diff, d.present(at))
		d.objects[at].ever |= held(userTable, before) | diff
		d.objects[at].user = after
		d.named(at, after.UserPrincipalName)
	}
	return nil
}

func (d *Directory) updateGroup(id string, set Patch) error {
	at, err := d.find(KindGroup, id)
	if err != nil {
		return err
	}
	before := d.objects[at].group
	after, err := patched(KindGroup, groupTable, before, set)
	if err != nil {
		return err
	}
	if diff := changed(groupTable, before, after); diff != 0 {
		d.record(at, diff, d.present(at))
		d.objects[at].ever |= held(groupTable, before) | diff
		d.objects[at].group = after
	}
	return nil
}

func (d *Directory) addMember(groupID, memberID string) error {
	group, member, err := d.ends(groupID, memberID)
	if err != nil {
		return err
	}
	if !d.openMembership(group, member) {
		return invalid("One or more added object references already exist for the following modified properties: 'members'.")
	}
	return nil
}

func (d *Directory) removeMember(groupID, memberID string) error {
	group, member, err := d.ends(groupID, memberID)
	if err != nil {
		return err
	}
	if !d.closeMembership(group, member) {
		return &NotFoundError{ID: memberID}
	}
	return nil
}

// rename gives a user another principal name. As in Exchange, the address follows it and the old one stays an alias. A
// group gets another display name.
func (d *Directory) rename(id, name string) error {
	if name == "" {
		return invalid("A new name is needed.")
	}
	at, err := d.find(KindUser, id)
	if err != nil {
		return d.updateGroup(id, Patch{"displayName": name})
	}
	before := d.userAt(at)
	nickname, _, ok := strings.Cut(name, "@")
	if !ok {
		return invalid("Property 'userPrincipalName' is invalid.")
	}
	set := Patch{"userPrincipalName": name, "mailNickname": nickname}
	if before.Mail != "" && before.UserType != "Guest" {
		addresses := []string{"SMTP:" + name}
		for _, a := range before.ProxyAddresses {
			if scheme, address, _ := strings.Cut(a, ":"); !sameText(address, name) {
				addresses = append(addresses, strings.ToLower(scheme)+":"+address)
			}
		}
		set["mail"], set["proxyAddresses"] = name, addresses
	}
	return d.updateUser(id, set)
}

func (d *Directory) moveMember(fromID, memberID, toID string) error {
	from, member, err := d.ends(fromID, memberID)
	if err != nil {
		return err
	}
	to, _, err := d.ends(toID, memberID)
	if err != nil {
		return err
	}
	if d.openEntry(from, member) < 0 {
		return &NotFoundError{ID: memberID}
	}
	if !d.openMembership(to, member) {
		return invalid("One or more added object references already exist for the following modified properties: 'members'.")
	}
	d.closeMembership(from, member)
	return nil
}

func (d *Directory) ends(groupID, memberID string) (group, member uint32, err error) {
	if group, err = d.find(KindGroup, groupID); err != nil {
		return 0, 0, err
	}
	if member, err = d.find(KindUser, memberID); err != nil {
		member, err = d.find(KindGroup, memberID)
	}
	if err == nil && member == group {
		err = invalid("A group cannot be a member of itself.")
	}
	return group, member, err
}

func (d *Directory) openMembership(group, member uint32) bool {
	if d.openEntry(group, member) >= 0 {
		return false
	}
	seq := d.record(group, MembersProperty, nil)
	d.objects[group].members = append(d.objects[group].members, membership{member: member, from: seq})
	return true
}

func (d *Directory) closeMembership(group, member uint32) bool {
	at := d.openEntry(group, member)
	if at < 0 {
		return false
	}
	d.objects[group].members[at].gone = d.record(group, MembersProperty, nil)
	return true
}

// openEntry finds a membership by looking through the list: mutations are rare, and an index over every membership
// of a large tenant would cost more memory than the memberships.
func (d *Directory) openEntry(group, member uint32) int {
	return slices.IndexFunc(d.objects[group].members, func(m membership) bool { return m.gone == 0 && m.member == member })
}
