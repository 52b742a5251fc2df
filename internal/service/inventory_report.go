package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"consentry/internal/domain"
)

// ImportOptions say how an inventory is taken in. Change: also where it moves an
// account to another region or empties what is filled, which a file that was
// cut short would do, too, or gives back a role that was taken away. DryRun: everything is tried and nothing kept.
type ImportOptions struct {
	Change bool
	DryRun bool
}

// How a row of an inventory stands to what was there.
const (
	RowNew     = "new"
	RowChanged = "changed"
	RowSame    = "same"
)

// InventoryRow is what an import does to one thing of the inventory.
type InventoryRow struct {
	Kind        string            `json:"kind" enum:"campaign,operator,account,person,integration"`
	ID          string            `json:"id" doc:"Of a person the subject."`
	AccountID   string            `json:"accountId,omitempty"`
	State       string            `json:"state" enum:"new,changed,same"`
	Changes     []InventoryChange `json:"changes,omitempty"`
	NeedsChange bool              `json:"needsChange,omitempty" doc:"Refused unless the import says change: another region, a field that would be emptied, or a role that was taken away."`
	Note        string            `json:"note,omitempty" doc:"What of the inventory does not count here, and why."`
}

// InventoryChange is one field that an import changes. A secret's values are
// never in it.
type InventoryChange struct {
	Field string `json:"field"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
}

// Rows says per row what the import did. They are not kept with the answer of a
// repeated import, because they name people: a repeat did nothing.
func (r InventoryReport) Rows() []InventoryRow { return r.rows }

// differences collects what changes of one row.
type differences []InventoryChange

func (d *differences) see(field, from, to string) {
	if from != to {
		*d = append(*d, InventoryChange{Field: field, From: from, To: to})
	}
}

func (r *InventoryReport) added(kind, id, accountID string) {
	r.rows = append(r.rows, InventoryRow{Kind: kind, ID: id, AccountID: accountID, State: RowNew})
}

func (r *InventoryReport) known(kind, id, accountID string, d differences, note string) {
	row := InventoryRow{Kind: kind, ID: id, AccountID: accountID, State: RowSame, Changes: d, Note: note}
	for _, c := range d {
		row.State = RowChanged
		row.NeedsChange = row.NeedsChange || c.To == "" || c.Field == "region" || c.From == roleTaken
	}
	r.rows = append(r.rows, row)
}

// takenAwayShown bounds how many rows a refusal names.
const takenAwayShown = 5

// mayTakeAway refuses what an import would take away without saying that it is
// meant.
func (r *InventoryReport) mayTakeAway() error {
	var said []string
	n := 0
	for _, row := range r.rows {
		if !row.NeedsChange {
			continue
		}
		if n++; n > takenAwayShown {
			continue
		}
		for _, c := range row.Changes {
			switch {
			case c.To == "":
				said = append(said, fmt.Sprintf("%s of the %s %s would be emptied", c.Field, row.Kind, row.ID))
			case c.From == roleTaken:
				said = append(said, fmt.Sprintf("the role of the %s %s was taken away and would be given again (%s)", row.Kind, row.ID, c.To))
			case c.Field == "region":
				said = append(said, fmt.Sprintf("the region of the %s %s would be %s and is %s", row.Kind, row.ID, c.To, c.From))
			}
		}
	}
	if n == 0 {
		return nil
	}
	if n > takenAwayShown {
		said = append(said, fmt.Sprintf("and so on, %d in all", n))
	}
	return domain.Refuse(domain.Conflict, "import-takes-away", "Nothing was imported: %s. If that is meant, import with change=true (--change); a dry run shows every row.", strings.Join(said, "; "))
}

// errDryRun takes a dry run back.
var errDryRun = errors.New("a dry run keeps nothing")

// dryRun does what the import would do and takes it back.
func (s *Service) dryRun(ctx context.Context, caller domain.Caller, inv Inventory) (report InventoryReport, err error) {
	err = s.store.Write(ctx, func(rows Rows) error {
		tx := &Tx{Rows: rows, Caller: caller, Now: s.now(), leaving: s.leaving, served: s.served}
		if report, err = tx.importInventory(inv, nil); err == nil {
			err = errDryRun
		}
		return err
	})
	if !errors.Is(err, errDryRun) {
		s.auditRefusal(ctx, caller, "import-inventory", "inventory", err)
		return InventoryReport{}, err
	}
	report.DryRun = true
	return report, nil
}

// accountDifferences: the time zone and the name may change like any label; what
// the flag is for is decided by whoever reads the differences.
func accountDifferences(old, row domain.Account, had []domain.Contact, has []InventoryContact) (d differences) {
	d.see("name", old.Name, row.Name)
	d.see("region", old.Region, row.Region)
	d.see("timeZone", old.TimeZone, row.TimeZone)
	d.see("domains", strings.Join(old.Domains, ", "), strings.Join(row.Domains, ", "))
	if has == nil { // left out
		return d
	}
	var before, after []string
	for _, c := range had {
		before = append(before, c.Name+" <"+c.Email+">")
	}
	for _, c := range has {
		after = append(after, c.Name+" <"+c.Email+">")
	}
	d.see("contacts", joined(before), joined(after))
	return d
}

func integrationDifferences(old domain.Integration, in InventoryIntegration) (d differences) {
	d.see("name", old.Name, in.Name)
	d.see("schedule.timesADay", count(old.Schedule.TimesADay), count(in.Schedule.TimesADay))
	d.see("schedule.every", lasting(old.Schedule.Every), lasting(in.Schedule.Every))
	d.see("settings.includeGuests", strconv.FormatBool(old.Settings.IncludeGuests), strconv.FormatBool(in.Settings.IncludeGuests))
	d.see("settings.includeDisabled", strconv.FormatBool(old.Settings.IncludeDisabled), strconv.FormatBool(in.Settings.IncludeDisabled))
	return d
}

func legacyDifferences(old domain.LegacyApp, in InventoryLegacyApp) (d differences) {
	d.see("legacyApp.clientId", old.ClientID, strings.ToLower(in.ClientID))
	d.see("legacyApp.name", old.Name, in.Name)
	d.see("legacyApp.secretEndsAt", dated(old.SecretEndsAt), dated(in.SecretEndsAt))
	if in.Secret != "" {
		if old.SecretRef == "" {
			d.see("legacyApp.secret", "", "the one that came along")
		} else {
			d.see("legacyApp.secret", "the one that is held", "replaced by the one that came along")
		}
	}
	return d
}

// joined writes a list whose order says nothing.
func joined(list []string) string {
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// count, lasting and dated write a value for a difference; a zero one is empty.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func lasting(d domain.Duration) string {
	if d == 0 {
		return ""
	}
	return d.Std().String()
}

func dated(i domain.Instant) string {
	if i.IsZero() {
		return ""
	}
	return i.UTC().Format(time.RFC3339)
}
