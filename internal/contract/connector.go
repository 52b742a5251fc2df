package contract

import "consentry/internal/domain"

// ConnectorSetupInput begins checking a consent that was given for a connector.
type ConnectorSetupInput struct {
	ConnectorID      string `json:"connectorId"`
	ConsentSessionID string `json:"consentSessionId"`
	AccountID        string `json:"accountId"`
	Region           string `json:"region"`
}

// ConnectorStanding is how the connector stands after it. Code says why the
// consent did not hold.
type ConnectorStanding struct {
	Condition domain.Condition `json:"condition"`
	Code      string           `json:"code,omitempty"`
}
