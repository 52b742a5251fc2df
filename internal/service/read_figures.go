package service

import (
	"context"
	"slices"
	"time"

	"consentry/internal/domain"
)

// Figures is how the whole product stands at one moment, by names that have few
// values. It is for the vendor's monitoring.
type Figures struct {
	Waiting         int
	Oldest          time.Duration
	Migrations      map[string]map[string]int // by campaign and phase
	Overdue         map[string]int
	Holds           int
	MirrorAge       map[string]time.Duration // by region: the mirror that was complete longest ago
	CertificateLeft map[string]time.Duration // by cell
}

// Figures reads them.
func (s *Service) Figures(ctx context.Context) (f Figures, err error) {
	err = s.Read(ctx, domain.System("monitoring"), func(t *Tx) error {
		f = Figures{Migrations: map[string]map[string]int{}, Overdue: map[string]int{}, MirrorAge: map[string]time.Duration{}, CertificateLeft: map[string]time.Duration{}}
		for _, part := range []func(*Figures) error{t.callFigures, t.migrationFigures, t.mirrorFigures, t.certificateFigures} {
			if err := part(&f); err != nil {
				return err
			}
		}
		var err error
		f.Holds, err = t.Rows.Holds().Count(By(Where{"state": "held"}))
		return err
	})
	return f, err
}

func (t *Tx) callFigures(f *Figures) (err error) {
	waiting := Where{"state": "waiting"}
	if f.Waiting, err = t.EngineCalls().Count(By(waiting)); err != nil || f.Waiting == 0 {
		return err
	}
	oldest, err := t.EngineCalls().Find(Query{Where: waiting, Order: []string{"created_at"}})
	f.Oldest = t.Now.Sub(oldest.CreatedAt.Time)
	return err
}

func (t *Tx) migrationFigures(f *Figures) error {
	campaigns, err := t.Rows.Campaigns().List(Query{})
	if err != nil {
		return err
	}
	for _, c := range campaigns {
		phases := map[string]int{}
		for _, phase := range allPhases {
			if phases[string(phase)], err = t.Rows.Migrations().Count(By(Where{"campaign_id": c.ID, "phase": string(phase)})); err != nil {
				return err
			}
		}
		f.Migrations[c.ID] = phases
		if f.Overdue[c.ID], err = t.Rows.Migrations().Count(By(Where{"campaign_id": c.ID, "open": true, "overdue": true})); err != nil {
			return err
		}
	}
	return nil
}

// chunkOfIDs keeps a list of ids within what a statement takes.
const chunkOfIDs = 500

func (t *Tx) mirrorFigures(f *Figures) error {
	accounts, err := t.Rows.Accounts().List(Query{})
	if err != nil {
		return err
	}
	byRegion := map[string][]string{}
	for _, a := range accounts {
		byRegion[a.Region] = append(byRegion[a.Region], a.ID)
	}
	for region, ids := range byRegion {
		for some := range slices.Chunk(ids, chunkOfIDs) {
			// Never synchronized and switched off by a person is no ageing mirror.
			i, err := optional(t.Rows.Integrations().Find(Query{
				Where: Where{"account_id": some, "last_synced_at >": domain.Instant{}, "condition <>": string(domain.ConditionDisabled)}, Order: []string{"last_synced_at"},
			}))
			if err != nil {
				return err
			}
			if i.ID != "" {
				f.MirrorAge[region] = max(f.MirrorAge[region], t.Now.Sub(i.LastSyncedAt.Time))
			}
		}
	}
	return nil
}

func (t *Tx) certificateFigures(f *Figures) error {
	active, err := t.Credentials().List(By(Where{"state": "active"}))
	for _, c := range active {
		f.CertificateLeft[c.CellID] = c.NotAfter.Sub(t.Now)
	}
	return err
}
