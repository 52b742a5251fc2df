package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
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
		missing, err := missingSearchAttribute(ctx, c, namespace)
		if err != nil || missing == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("search attribute %s is not usable yet: %w", missing, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func missingSearchAttribute(ctx context.Context, c client.Client, namespace string) (string, error) {
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return "", fmt.Errorf("list search attributes of namespace %s: %w", namespace, err)
	}
	for name := range searchAttributes {
		if _, ok := known.GetCustomAttributes()[name]; !ok {
			return name, nil
		}
	}
	return "", nil
}

// CheckSearchAttributes reports whether the namespace has what workflows write.
// A server that does not let this process look (Temporal Cloud does not) is not
// taken for ill.
func CheckSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	missing, err := missingSearchAttribute(ctx, c, namespace)
	var denied *serviceerror.PermissionDenied
	var unknown *serviceerror.Unimplemented
	switch {
	case errors.As(err, &denied), errors.As(err, &unknown):
		return nil
	case err == nil && missing != "":
		return fmt.Errorf("namespace %s has no search attribute %s", namespace, missing)
	}
	return err
}
