// Package service holds every command and read that the API, the console and
// the activities share. A command is one transaction: the rows it changes, the
// migration phase it makes true, the audit entry, the change and the command's
// answer are committed together or not at all. No network is used inside; what
// has to happen outside is a row of engine_calls, delivered after the commit.
//
// Files are named by subject: inventory, consent, decision, migration, sync,
// rotation, notice, session, and read for the pages' and answers' views.
package service
