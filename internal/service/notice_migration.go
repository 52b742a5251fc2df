package service

import (
	"fmt"
	"strconv"
	"time"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

// What accounts are told about a migration. Each key says what "once" means:
// once an attempt, once a date, or once a consent session.

func told(m domain.Migration, kind, scope, title, body string) domain.Notice {
	key := kind + "/" + m.ID
	if scope != "" {
		key += "/" + scope
	}
	return domain.Notice{AccountID: m.AccountID, MigrationID: m.ID, Key: key, Kind: kind, Title: title, Body: body}
}

func actionsNeeded(m domain.Migration, i domain.Integration, deadline time.Time) domain.Notice {
	body := fmt.Sprintf("%s synchronizes through an app registration of your own and its client secret. Choose Migrate now to move it to a connector with a certificate: "+
		"about five minutes of a Privileged Role Administrator or Global Administrator of %s. Nothing of the directory is lost.", i.Name, i.TenantDomain)
	if !deadline.IsZero() {
		body += " Synchronization through the old app ends on " + noticeDate(deadline) + "."
	}
	return told(m, "actions-needed", "", "Migrate "+i.Name, body)
}

func reminder(m domain.Migration, i domain.Integration, deadline time.Time, rung int) domain.Notice {
	return told(m, "reminder", strconv.FormatInt(deadline.Unix(), 10)+"/"+strconv.Itoa(rung), "Migrate "+i.Name+" by "+noticeDate(deadline),
		fmt.Sprintf("%s is not migrated yet. On %s synchronization through the old app ends; nothing is deleted then, but nothing new arrives either until the migration is complete.", i.Name, noticeDate(deadline)))
}

func overdue(m domain.Migration, i domain.Integration, deadline, grace time.Time) domain.Notice {
	title, body := "Synchronization of "+i.Name+" stopped", "The date "+noticeDate(deadline)+" has passed. Synchronization is stopped and nothing is deleted. Complete the migration to start it again."
	if !grace.IsZero() {
		title = "The date for migrating " + i.Name + " has passed"
		body = "The date " + noticeDate(deadline) + " has passed. Because consent was begun in time, synchronization goes on until " + noticeDate(grace) + ". Complete the migration by then."
	}
	return told(m, "overdue", strconv.FormatInt(deadline.Unix(), 10), title, body)
}

func consentFailed(m domain.Migration, i domain.Integration) domain.Notice {
	return told(m, "consent-failed", m.ConsentSession+"/"+strconv.FormatInt(m.PhaseSeq, 10), "The consent for "+i.Name+" did not work", m.ConsentText)
}

func cutOverFailed(m domain.Migration, i domain.Integration) domain.Notice {
	return told(m, "cut-over-failed", strconv.FormatInt(m.PhaseSeq, 10), i.Name+" was put back to its old app", m.FailureText+" Synchronization goes on as before.")
}

func migrated(m domain.Migration, i domain.Integration, c domain.Connector) domain.Notice {
	return told(m, "migrated", "", i.Name+" is migrated",
		fmt.Sprintf("%s synchronizes through the connector %q. Its certificate is renewed every day by us; there is no secret to look after any more.", i.Name, c.Name))
}

func receipt(m domain.Migration, i domain.Integration, app domain.LegacyApp) domain.Notice {
	return told(m, "receipt", "", "Remove the old app of "+i.Name,
		fmt.Sprintf("From %s on, remove the app registration %q (application id %s) in the tenant %s (%s): first its client secrets, then the registration itself. "+
			"Until then the migration can still be taken back, which needs the old app.", noticeDate(m.RemovalAdvised.Time), app.Name, app.ClientID, i.TenantDomain, i.TenantID))
}

func cleanUp(m domain.Migration, i domain.Integration, app domain.LegacyApp) domain.Notice {
	return told(m, "clean-up", "", "Remove the old app of "+i.Name+" now",
		fmt.Sprintf("The way back is closed. Remove the app registration %q (application id %s) in the tenant %s (%s), and tell us on the migration's page that you did.", app.Name, app.ClientID, i.TenantDomain, i.TenantID))
}

func cleanUpAgain(m domain.Migration, i domain.Integration, app domain.LegacyApp, rung domain.Instant) domain.Notice {
	return told(m, "clean-up-reminder", strconv.FormatInt(rung.Unix(), 10), "The old app of "+i.Name+" is still to be removed",
		fmt.Sprintf("Remove the app registration %q (application id %s) in the tenant %s (%s), and tell us on the migration's page that you did, or that you keep it. When we last asked: %s. This recommendation ends by itself on %s.",
			app.Name, app.ClientID, i.TenantDomain, i.TenantID, migration.OldAppText(migration.OldApp(app.ProbeVerdict), app.ProbeCode), noticeDate(m.CleanUpUntil.Time)))
}

// closed is the receipt of the old app: what was answered, what Microsoft said,
// and what became of its secret here.
func closed(m domain.Migration, i domain.Integration, app domain.LegacyApp) domain.Notice {
	body := fmt.Sprintf("The recommendation to remove the app registration %q (application id %s) has ended without an answer.", app.Name, app.ClientID)
	switch m.OldAppRemoved {
	case oldAppProven:
		body = fmt.Sprintf("Microsoft says that the app registration %q (application id %s) is gone.", app.Name, app.ClientID)
	case oldAppConfirmed:
		body = fmt.Sprintf("You told us that the app registration %q (application id %s) is removed. When we asked Microsoft: %s.", app.Name, app.ClientID, migration.OldAppText(migration.OldApp(app.ProbeVerdict), app.ProbeCode))
	case oldAppDeclined:
		body = fmt.Sprintf("You decided to keep the app registration %q (application id %s). Nothing here uses it any more.", app.Name, app.ClientID)
	}
	if !app.DestroyedAt.IsZero() {
		body += " Its client secret was destroyed here on " + noticeDate(app.DestroyedAt.Time) + "."
	}
	return told(m, "closed", "", "The migration of "+i.Name+" is complete", body)
}

func cancelled(m domain.Migration, i domain.Integration, c domain.Connector) domain.Notice {
	body := "The migration of " + i.Name + " was cancelled. Nothing of its synchronization has changed. A new migration can be started on the Connectors page."
	if c.ID != "" {
		body += fmt.Sprintf(" The connector %q stays connected, because the consent at Microsoft stands; disconnect it if you do not want it.", c.Name)
	}
	return told(m, "cancelled", "", "The migration of "+i.Name+" was cancelled", body)
}

func rolledBack(m domain.Migration, i domain.Integration, reason string) domain.Notice {
	return told(m, "rolled-back", "", i.Name+" went back to its old app",
		fmt.Sprintf("%s synchronizes through its old app again, with the settings and the schedule it had before. A complete round reads the directory now; nobody who left since then returns, and what it would remove is held back. The reason given: %s", i.Name, reason))
}

func noticeDate(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }
