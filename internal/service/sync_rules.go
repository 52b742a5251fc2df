package service

import (
	"time"

	"consentry/internal/campaign"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// MaySync asks the one predicate of enforcement about an integration as it
// stands in this transaction.
func (t *Tx) MaySync(i domain.Integration) (campaign.Verdict, error) {
	m, c, err := t.enforcedBy(i)
	if err != nil {
		return campaign.Verdict{}, err
	}
	return campaign.MaySync(i, c, m, t.Now), nil
}

// enforcedBy gives the migration and campaign that an integration's date comes
// from: its open migration, else its latest, else the started campaign of its
// region and product whose date is in force first.
func (t *Tx) enforcedBy(i domain.Integration) (*domain.Migration, *domain.Campaign, error) {
	m, err := t.Rows.Migrations().Find(Query{Where: Where{"integration_id": i.ID}, Order: []string{"-open", "-started_at"}})
	if err == nil {
		c, err := t.Rows.Campaigns().Get(m.CampaignID)
		if domain.IsNotFound(err) {
			return &m, nil, nil
		}
		return &m, &c, err
	}
	if !domain.IsNotFound(err) {
		return nil, nil, err
	}
	account, err := t.Rows.Accounts().Get(i.AccountID)
	if err != nil {
		return nil, nil, err
	}
	candidates, err := t.Rows.Campaigns().List(Query{Where: Where{"region": account.Region, "product": i.Product, "started_at >": domain.Instant{}}, Order: []string{"id"}})
	if err != nil {
		return nil, nil, err
	}
	var first *domain.Campaign
	for n := range candidates {
		date := campaign.DateInForce(candidates[n], nil)
		if !date.IsZero() && (first == nil || date.Before(campaign.DateInForce(*first, nil))) {
			first = &candidates[n]
		}
	}
	return nil, first, nil
}

// mayRun says whether a run of this purpose has its place now: "" if so, else
// the code and the sentence of the rule that stops it. It is asked when the run
// begins and before every slice that is applied.
func (t *Tx) mayRun(i domain.Integration, purpose domain.Purpose, attemptID string) (code, text string, err error) {
	if gone, err := t.gone(i.AccountID); err != nil || gone {
		return contract.SyncDisabled, syncText(contract.SyncDisabled), err
	}
	if purpose != domain.RunShadow { // which reads through the connector and writes nothing
		v, err := t.MaySync(i)
		if err != nil {
			return "", "", err
		}
		if !v.Allowed {
			return v.Code, v.Text, nil
		}
	}
	m, err := t.Rows.Migrations().Find(By(Where{"integration_id": i.ID, "open": true}))
	if err != nil && !domain.IsNotFound(err) {
		return "", "", err
	}
	fits := m.ID == attemptID && m.ID != ""
	switch purpose {
	case domain.RunLegacy:
		fits = fits && m.Phase == domain.Proving && i.Binding == domain.BoundLegacy
	case domain.RunShadow:
		fits = fits && m.Phase == domain.Proving
	case domain.RunFirst:
		fits = fits && m.Phase == domain.CuttingOver && i.Binding == domain.BoundConnector
	default:
		if m.Phase == domain.CuttingOver {
			return contract.SyncCuttingOver, syncText(contract.SyncCuttingOver), nil
		}
		return "", "", nil
	}
	if !fits {
		return contract.SyncNotMigrating, syncText(contract.SyncNotMigrating), nil
	}
	return "", "", nil
}

// syncTexts are the sentences for the ends of a run. Those that depend on rows
// are written where the rows are read.
var syncTexts = map[string]string{
	contract.SyncRunOpen:         "Another synchronization of this integration is under way. Wait until it has ended.",
	contract.SyncCuttingOver:     "The integration is being moved to its connector. Synchronization goes on by itself when that is done.",
	contract.SyncBindingChanged:  "The integration was connected anew while this synchronization was at work, so the rest of it was not applied.",
	contract.SyncNotMigrating:    "The migration that this synchronization belongs to is at another point now.",
	contract.SyncCancelled:       "The synchronization was cancelled. What it had not applied yet is read again next time.",
	contract.SyncUnavailable:     "Microsoft does not answer. We try again by ourselves; nothing is lost.",
	contract.SyncThrottled:       "Microsoft asked us to slow down. We go on by ourselves; nothing is lost.",
	contract.SyncConsentLost:     "Microsoft no longer lets the connector read the directory. Nothing is deleted. Reconnect: an administrator of the tenant has to consent again.",
	contract.SyncConsentPending:  "Microsoft does not show the consent everywhere yet. We try again by ourselves.",
	contract.SyncLegacyDead:      "Microsoft lets nothing be read through the old app registration any more. Nothing is deleted. Migrate to a connector to start it again.",
	contract.SyncTenantMismatch:  "Microsoft does not know the integration's tenant, or answered for another directory, so nothing of it was used and nothing is deleted. Look at the tenant's id with an operator of the vendor first; a wrong one is corrected there, and otherwise an administrator consents in the right tenant.",
	contract.SyncDeltaExpired:    "Microsoft kept losing the position of the reading. The next synchronization reads everything anew.",
	contract.SyncStoreDown:       "Our database did not answer for too long. Nothing is lost; the next synchronization goes on.",
	contract.SyncMisconfigured:   "Our own app registration does not answer as it should. The vendor's operators have to act; you do not.",
	contract.SyncBudgetExceeded:  "The first synchronization did not end in time.",
	contract.SyncPageUnreadable:  "Microsoft's answer could not be read, so nothing of it was applied. Ask the vendor's support.",
	contract.SyncLost:            "The synchronization ended without a word. What it had not applied is read again.",
	contract.SyncUnexpectedFault: "The synchronization failed for a reason we do not know. The next one tries again; support finds the run by its id.",
}

func syncText(code string) string {
	if text, ok := syncTexts[code]; ok {
		return text
	}
	return "The reason is " + code + "."
}

// endText is the sentence for the end of a run of this integration.
func (t *Tx) endText(i domain.Integration, code string) (string, error) {
	switch code {
	case contract.SyncDeadlinePassed, contract.SyncDisabled:
		v, err := t.MaySync(i)
		if err != nil || v.Text != "" {
			return v.Text, err
		}
	case contract.SyncLegacyDead:
		app, err := optional(t.Rows.LegacyApps().Get(i.ID))
		if err != nil {
			return "", err
		}
		if text := migration.SecretRefusal(app.ProbeCode); text != "" { // as the run has just been told
			return text, nil
		}
		if app.SecretEndsAt.Due(t.Now) {
			return "The client secret of the old app registration expired on " + app.SecretEndsAt.UTC().Format("2 January 2006") +
				". Nothing is deleted. Enter a new one of the same app, or migrate to a connector, to start it again.", nil
		}
	}
	return syncText(code), nil
}

// setCondition brings an integration's condition up to date: since says when this
// very condition began. A person's "disabled" is theirs to lift.
func (t *Tx) setCondition(i *domain.Integration, to domain.Condition, code, text string) error {
	if i.Condition == domain.ConditionDisabled || (i.Condition == to && i.ConditionCode == code && i.ConditionText == text) {
		return nil
	}
	if i.Condition != to || i.ConditionCode != code {
		i.ConditionSince = t.At()
	}
	i.Condition, i.ConditionCode, i.ConditionText = to, code, text
	return t.Changed(i.AccountID, "integration", i.ID, "condition")
}

// dueAfter puts the next scheduled round behind now. An integration that is
// never due has no schedule and gets none.
func (t *Tx) dueAfter(i *domain.Integration) {
	if i.NextDueAt.Due(t.Now) {
		i.NextDueAt = t.In(jittered(i.ID, t.Now, i.Schedule))
	}
}

// jittered spreads rounds of the ordinary schedule over a window of a fifth of
// the interval, so that customers who began together do not stay together. An
// interval of the customer's own choice is kept to the letter.
func jittered(id string, now time.Time, s domain.SyncSchedule) time.Duration {
	every := s.Interval()
	if s.Every > 0 {
		return every
	}
	var h uint64 = 14695981039346656037 // FNV-1a
	for _, b := range []byte(id + now.UTC().Format(time.DateOnly)) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return every - every/10 + time.Duration(h%uint64(every/5))
}
