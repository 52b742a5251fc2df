package service

import (
	"fmt"
	"slices"
	"strings"

	"consentry/internal/domain"
)

// changeRegion moves what goes with an account to another region, and says what
// stays. The region decides which campaign, sweep and cell a migration has, so
// none may be open meanwhile, not even one whose way back is: it belongs to its
// campaign to the end. A pending deletion moves, because the sweep of its region
// carries it out. Connectors stay with their cells, whose app is the one that
// was consented to; ended attempts and their dates stay what they were.
func (t *Tx) changeRegion(a domain.Account, to string) (note string, err error) {
	open, err := t.Rows.Migrations().List(Query{Where: Where{"account_id": a.ID, "open": true}, Order: []string{"started_at", "id"}})
	if err != nil {
		return "", err
	}
	if len(open) > 0 {
		var names []string
		for _, m := range open {
			names = append(names, fmt.Sprintf("%s (%s)", m.IntegrationID, m.Phase))
		}
		return "", domain.Refuse(domain.Conflict, "region-migrations-open",
			"The account %s cannot move from the region %s to %s while migrations of it are open, because the region decides their campaign, sweep and cell: %s. "+
				"Cancel those that have not switched (consentry cancel), let the others end, and import again. Nothing was imported.", a.ID, a.Region, to, strings.Join(names, ", "))
	}
	d, err := optional(t.Rows.AccountDeletions().Get(a.ID))
	if err != nil {
		return "", err
	}
	var stays []string
	if d.State == domain.DeletionPending {
		d.Region = to
		if err := t.Rows.AccountDeletions().Update(&d); err != nil {
			return "", err
		}
		stays = append(stays, "its deletion on "+noticeDate(d.DueAt.Time)+" is carried out by the region "+to)
	}
	ended, err := t.Rows.Migrations().Count(By(Where{"account_id": a.ID}))
	if err != nil {
		return "", err
	}
	if ended > 0 {
		stays = append(stays, "an integration that has had a migration keeps the date of its last one, and gets the date of a campaign of the region "+to+" with its next one, which may be earlier")
	}
	connectors, err := t.Rows.Connectors().List(By(Where{"account_id": a.ID, "disconnected_at": domain.Instant{}}))
	if err != nil {
		return "", err
	}
	var cells []string
	for _, c := range connectors {
		cells = append(cells, c.CellID)
	}
	if slices.Sort(cells); len(cells) > 0 {
		stays = append(stays, "its connectors stay with the cells that were consented to ("+strings.Join(slices.Compact(cells), ", ")+")")
	}
	return strings.Join(stays, "; "), nil
}
