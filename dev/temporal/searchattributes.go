package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
)

// registerSearchAttributes gives every namespace what it lacks and returns when queries accept it. A namespace that
// was just made has its attributes already; one that an older release of ours made may not.
func registerSearchAttributes(ctx context.Context, o options, attributes map[string]enumspb.IndexedValueType) error {
	connection, err := client.DialContext(ctx, client.Options{
		HostPort: o.frontend(),
		Logger:   sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return fmt.Errorf("the server started but does not answer on %s: %w", o.frontend(), err)
	}
	defer connection.Close()

	for _, namespace := range o.Namespace {
		// Attributes that exist are skipped by the server, whatever their type: hence the check by query below.
		_, err := connection.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace:        namespace,
			SearchAttributes: attributes,
		})
		if err != nil {
			return fmt.Errorf("search attributes of namespace %s: %w", namespace, err)
		}
		if err := awaitUsable(ctx, connection.WorkflowService(), namespace, attributes); err != nil {
			return err
		}
	}
	return nil
}

// awaitUsable asks for workflows by every attribute until the namespace's cache has taken them all.
func awaitUsable(ctx context.Context, service workflowservice.WorkflowServiceClient, namespace string, attributes map[string]enumspb.IndexedValueType) error {
	conditions := make([]string, 0, len(attributes))
	for name := range attributes {
		conditions = append(conditions, name+" is null")
	}
	request := &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: strings.Join(conditions, " and ")}

	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		_, err := service.CountWorkflowExecutions(ctx, request)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("search attributes of namespace %s are registered but cannot be used yet: %w", namespace, err)
		case <-retry.C:
		}
	}
}
