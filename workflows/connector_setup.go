package workflows

import (
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
)

// ConnectorSetupWorkflow brings a connector that was consented to into use: one
// heartbeating activity tries real calls until they work or their budget is
// over, however many workers stop on the way. The store holds everything else,
// so that a run which is started twice finds nothing left to do.
func ConnectorSetupWorkflow(ctx workflow.Context, in contract.ConnectorSetupInput) (contract.ConnectorStanding, error) {
	show := func(what string) {
		workflow.SetCurrentDetails(ctx, "The consent given for connector `"+in.ConnectorID+"` "+what+"\n\nConsent session `"+in.ConsentSessionID+"`, account `"+in.AccountID+"`.\n")
	}
	show("is being **checked with real calls**. Nobody has to act; Microsoft usually shows a consent within seconds to minutes.")
	out, err := entraConfirmConnector(ctx, in)
	switch {
	case err != nil:
		return out, err
	case out.Code != "":
		show("**did not hold** (`" + out.Code + "`). An administrator of the tenant has to consent again.")
	default:
		show("**works**, or another one has taken its place. Nothing is left to do here.")
	}
	return out, nil
}
