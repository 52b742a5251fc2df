// Package directory is one tenant's directory as Microsoft Graph shows it: users, groups, memberships and the
// history that delta queries read.
//
// A directory is a pure function of its seed and of the mutations applied in order. Nothing in it looks at a clock
// or at a random source, so replaying the same mutations gives the same directory and, with it, the same change
// numbers: a delta token issued before a restart still means the same after it.
//
// Every mutation gets the next change number. A delta round covers the changes after one number (where the reader's
// last round ended) up to another (where this round began); what happens while the round is being read belongs to
// the next one. Objects are shown as they are when the page is read, not as the change left them, so one change may be seen twice but none is
// lost, which is what Graph promises.
//
// Everything is read through a View: the directory as it is, or as it stood after an earlier change, which is what a
// replica shows that lags behind. The owner stamps changes with the moments they were made, so that a lag in seconds can
// be turned into a change number.
//
// A Directory is not safe for concurrent use; its owner serialises access.
package directory
