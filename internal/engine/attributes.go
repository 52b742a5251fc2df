package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"consentry/internal/contract"
	"consentry/internal/logkey"
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

// LacksSearchAttributes is what the namespace is without, as its server says.
type LacksSearchAttributes struct {
	Namespace string
	Names     []string // sorted
}

// Error names them.
func (e *LacksSearchAttributes) Error() string {
	return fmt.Sprintf("namespace %s has no search attribute %s", e.Namespace, strings.Join(e.Names, ", "))
}

// MissingSearchAttributes is what a person has to add, because this process may
// not: Temporal Cloud leaves a namespace's attributes to its owner.
type MissingSearchAttributes struct {
	Namespace string
	Names     []string // sorted
	Refusal   error
}

// Error says what is missing and the commands that add it, with the types.
func (e *MissingSearchAttributes) Error() string {
	var described, create, add []string
	for _, name := range e.Names {
		kind := searchAttributes[name].String()
		described = append(described, name+" ("+kind+")")
		create = append(create, "--name "+name+" --type "+kind)
		add = append(add, "--search-attribute "+name+"="+kind)
	}
	return fmt.Sprintf("namespace %s lacks the search attributes %s, and this process may not add them (%v). Nothing is lost; add them once and start again:\n"+
		"  temporal operator search-attribute create --namespace %[1]s %[4]s\n"+
		"  tcld namespace search-attributes add --namespace %[1]s %[5]s   (Temporal Cloud)",
		e.Namespace, strings.Join(described, ", "), e.Refusal, strings.Join(create, " "), strings.Join(add, " "))
}

func (e *MissingSearchAttributes) Unwrap() error { return e.Refusal }

// EnsureSearchAttributes adds the product's search attributes to the namespace
// and waits until the server knows them: a workflow started earlier would be
// refused. Adding them again is harmless, so every worker does it at its start.
// Where a process may not add them the answer is *MissingSearchAttributes, unless
// all are there; where it may not even look, it is believed that they are.
func EnsureSearchAttributes(ctx context.Context, c client.Client, namespace string, log *zap.Logger) error {
	op := c.OperatorService()
	_, refusal := op.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: searchAttributes})
	if refusal != nil && !mayNot(refusal) {
		return fmt.Errorf("add search attributes to namespace %s: %w", namespace, refusal)
	}
	for {
		missing, err := missingSearchAttributes(ctx, c, namespace)
		switch {
		case refusal != nil && mayNot(err):
			log.Warn("the search attributes of the namespace can be neither added nor listed here: workflow tasks fail unless all are there", zap.String(logkey.Namespace, namespace))
			return nil
		case err != nil || len(missing) == 0:
			return err
		case refusal != nil:
			return &MissingSearchAttributes{namespace, missing, refusal}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("search attribute %s is not usable yet: %w", missing[0], ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// mayNot reports a server that does not offer the call, or not to us.
func mayNot(err error) bool {
	var denied *serviceerror.PermissionDenied
	var unknown *serviceerror.Unimplemented
	return errors.As(err, &denied) || errors.As(err, &unknown)
}

func missingSearchAttributes(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("list search attributes of namespace %s: %w", namespace, err)
	}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(searchAttributes)) {
		if _, ok := known.GetCustomAttributes()[name]; !ok {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// CheckSearchAttributes answers *LacksSearchAttributes where the namespace has not
// what workflows write. A server that does not let this process look is not taken
// for ill; every other error is no answer to the question.
func CheckSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	missing, err := missingSearchAttributes(ctx, c, namespace)
	switch {
	case mayNot(err), missesNamespace(err): // the latter has a check of its own
		return nil
	case err == nil && len(missing) > 0:
		return &LacksSearchAttributes{namespace, missing}
	}
	return err
}
