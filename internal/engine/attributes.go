package engine

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"consentry/internal/contract"
)

var searchAttributes = map[string]enumspb.IndexedValueType{
	contract.AttrAccountID.GetName():      enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	contract.AttrRegion.GetName():         enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	contract.AttrCampaignID.GetName():     enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	contract.AttrMigrationPhase.GetName(): enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	contract.AttrDeadlineArmed.GetName():  enumspb.INDEXED_VALUE_TYPE_DATETIME,
	contract.AttrOverdue.GetName():        enumspb.INDEXED_VALUE_TYPE_BOOL,
	contract.AttrConsentError.GetName():   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	contract.AttrNeedsPerson.GetName():    enumspb.INDEXED_VALUE_TYPE_KEYWORD,
}

// EnsureSearchAttributes adds the product's search attributes to the namespace
// and waits until the server knows them: a workflow started earlier would be
// refused. Adding them again is harmless, so every worker does it at its start.
func EnsureSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	op := c.OperatorService()
	_, err := op.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: searchAttributes})
	if err != nil {
		return fmt.Errorf("add search attributes to namespace %s: %w", namespace, err)
	}
	for {
		known, err := op.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
		if err != nil {
			return fmt.Errorf("list search attributes of namespace %s: %w", namespace, err)
		}
		missing := ""
		for name := range searchAttributes {
			if _, ok := known.GetCustomAttributes()[name]; !ok {
				missing = name
			}
		}
		if missing == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("search attribute %s is not usable yet: %w", missing, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
