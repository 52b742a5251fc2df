package domain

// Campaign is a cohort of migrations with its dates. Version grows with every
// change of Terms; whoever holds an older version may not act on its dates.
type Campaign struct {
	ID        string
	Name      string
	Region    string
	Product   string
	Version   int64
	Terms     CampaignTerms
	Paused    bool
	StartedAt Instant // when its migrations were opened
	CreatedAt Instant
	UpdatedAt Instant
}

// CampaignTerms are the dates and durations of a campaign: data, never
// constants, so that a demonstration uses seconds where a customer gets weeks.
type CampaignTerms struct {
	AvailableFrom Instant    `json:"availableFrom"`
	Deadline      Instant    `json:"deadline"`
	Reminders     []Duration `json:"reminders"`     // before the deadline
	KillSwitch    bool       `json:"killSwitch"`    // true: the deadline is not enforced
	ConsentGrace  Duration   `json:"consentGrace"`  // sync goes on this long when consent began in time
	ConsentBudget Duration   `json:"consentBudget"` // how long a consent may take to become visible
	ProofAge      Duration   `json:"proofAge"`      // an older proof may not be approved
	FirstSync     Duration   `json:"firstSync"`     // after which cut-over goes back to legacy
	WayBack       Duration   `json:"wayBack"`       // roll-back stays possible
	CleanUp       Duration   `json:"cleanUp"`       // then the recommendation ends by itself
	// CleanUpReminders are the rungs of the clean-up ladder: how long after the
	// way back has closed removing the old app is recommended again.
	CleanUpReminders []Duration `json:"cleanUpReminders,omitempty"`
}
