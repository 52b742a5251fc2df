package workflows

import (
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/migration"
)

// ConnectorSetupWorkflow brings a connector that was consented to into use: one
// heartbeating activity tries real calls until they work or their budget is
// over, however many workers stop on the way. The store holds everything else,
// so that a run which is started twice finds nothing left to do.
func ConnectorSetupWorkflow(ctx workflow.Context, in contract.ConnectorSetupInput) (contract.ConnectorStanding, error) {
	show := func(out *contract.ConnectorStanding) { workflow.SetCurrentDetails(ctx, connectorDetails(in, out)) }
	show(nil)
	out, err := entraConfirmConnector(ctx, in)
	if err == nil {
		show(&out)
	}
	return out, err
}

// connectorDetails is the page of a connector's set-up; out is nil while it runs.
func connectorDetails(in contract.ConnectorSetupInput, out *contract.ConnectorStanding) string {
	var d details
	switch {
	case out == nil:
		d.say("Where", "the consent is being **checked with real calls** to Microsoft.")
		d.say("Why", "Microsoft usually shows a consent everywhere within seconds to minutes; what does not work yet is asked again, as the pending activity shows.")
		d.say("Until", "it works, or the time is over that a consent may take; then this page says that it did not hold.")
		d.say("Who acts", "nobody has to.")
	case out.Code != "":
		d.say("Where", "the consent **did not hold** (`%s`).", out.Code)
		d.say("Why", "%s", migration.Text(out.Code))
		d.say("Until", "somebody consents again; nothing here is waited for, this workflow is over.")
		if migration.MendedByOperators(out.Code) {
			d.say("Who acts", "an operator of the vendor mends that; then an administrator of the tenant consents again, from the connector's page in the console.")
			break
		}
		d.say("Who acts", "an administrator of the tenant consents again, from the connector's page in the console.")
	default:
		d.say("Where", "the connector **works**, or another consent has taken this one's place.")
		d.say("Why", "real calls worked, or a consent that was given later is checked by a workflow of its own.")
		d.say("Until", "Microsoft lets the connector read no more: then the integration's synchronization says so.")
		d.say("Who acts", "nobody; this workflow is over.")
	}
	d.ids("connector", in.ConnectorID, "consent session", in.ConsentSessionID, "account", in.AccountID)
	return d.String()
}
