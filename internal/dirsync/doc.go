// Package dirsync holds the pure rules of directory synchronization: what a page
// of a Microsoft Graph delta query says, what it makes of the mirror, which
// removals a guard holds back, and how two readings of one directory differ.
//
// A round reads two independent streams, users and groups; memberships come
// with the groups. Its pages are folded, in the order they arrive, into a
// staging where the latest word on an object stands. Only a staging whose
// streams have both ended is applied. The staging of a full round is the new
// generation of the mirror: what the mirror holds and the generation does not
// is swept, because a full enumeration carries no tombstones.
//
// An object of a page carries every property we select. One that was never set
// is absent, one that was cleared is null; so a page is kept as a patch, in
// which null clears and absent says nothing, and is laid over what is held only
// when it is applied. Edges are kept by id and joined late: they may precede or
// outlive the user they point at.
package dirsync
