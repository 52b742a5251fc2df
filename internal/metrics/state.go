package metrics

import "time"

// Figures is what the database knows at one moment.
type Figures struct {
	Waiting         int
	Oldest          time.Duration
	Migrations      map[string]map[string]int // by campaign and phase
	Overdue         map[string]int            // by campaign
	Holds           int
	MirrorAge       map[string]time.Duration // by region
	CertificateLeft map[string]time.Duration // by cell
	AuditBreaks     int
	AuditChecked    int64
	Processes       map[Running]int
}

// Running is what processes have in common that do the same with one build.
type Running struct{ Kind, Version, Revision string }

func (s *state) set(f Figures) {
	s.waiting.Set(float64(f.Waiting))
	s.oldest.Set(f.Oldest.Seconds())
	s.holds.Set(float64(f.Holds))
	s.breaks.Set(float64(f.AuditBreaks))
	s.checked.Set(float64(f.AuditChecked))
	// What is not there any more must not stay.
	s.migrations.Reset()
	s.overdue.Reset()
	s.mirrorAge.Reset()
	s.certificate.Reset()
	s.processes.Reset()
	for r, n := range f.Processes {
		s.processes.WithLabelValues(r.Kind, r.Version, r.Revision).Set(float64(n))
	}
	for campaign, phases := range f.Migrations {
		for phase, n := range phases {
			s.migrations.WithLabelValues(campaign, phase).Set(float64(n))
		}
	}
	for campaign, n := range f.Overdue {
		s.overdue.WithLabelValues(campaign).Set(float64(n))
	}
	for region, age := range f.MirrorAge {
		s.mirrorAge.WithLabelValues(region).Set(age.Seconds())
	}
	for cell, left := range f.CertificateLeft {
		s.certificate.WithLabelValues(cell).Set(left.Hours() / 24)
	}
}
