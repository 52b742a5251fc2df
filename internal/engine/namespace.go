package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// NoNamespace is a server that answers and does not have the namespace. Nothing
// can be started, signalled or polled there, and no worker mends that.
type NoNamespace struct{ Namespace, Address string }

// Error says what is missing where, and the two ways to have it.
func (e *NoNamespace) Error() string {
	here, cloud := e.commands()
	return fmt.Sprintf("the Temporal namespace %s does not exist at %s. If TEMPORAL_NAMESPACE or TEMPORAL_ADDRESS is mistyped, correct it; else make the namespace once. Then start again:\n  %s\n  %s   (Temporal Cloud)",
		e.Namespace, e.Address, here, cloud)
}

// Remedy is what to do about it, in one line.
func (e *NoNamespace) Remedy() string {
	here, cloud := e.commands()
	return fmt.Sprintf("If TEMPORAL_NAMESPACE is mistyped, correct it; else make the namespace: `%s`, or in Temporal Cloud `%s`.", here, cloud)
}

// commands are those that make it. In the Cloud a name is made without the account's id,
// which stands at its end from then on: NAME.ACCOUNT.
func (e *NoNamespace) commands() (here, cloud string) {
	name, _, _ := strings.Cut(e.Namespace, ".")
	return fmt.Sprintf("temporal operator namespace create --address %s --namespace %s --retention 720h", e.Address, e.Namespace),
		fmt.Sprintf("tcld namespace create --namespace %s --region REGION --retention-days 30", name)
}

// namespaceWait bounds the question, so that a server that stalls does not hold a
// start up.
const namespaceWait = 10 * time.Second

// CheckNamespace answers *NoNamespace where the server says that there is none. A
// server that does not let this process look is believed to have it; every other
// error is no answer to the question.
func CheckNamespace(ctx context.Context, c client.Client, namespace, address string) error {
	ctx, cancel := context.WithTimeout(ctx, namespaceWait)
	defer cancel()
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if missesNamespace(err) {
		return &NoNamespace{namespace, address}
	}
	if err != nil && !mayNot(err) {
		return fmt.Errorf("ask for the namespace %s: %w", namespace, err)
	}
	return nil
}

func missesNamespace(err error) bool {
	_, missing := errors.AsType[*serviceerror.NamespaceNotFound](err)
	_, other := errors.AsType[*serviceerror.NotFound](err)
	return missing || other
}
