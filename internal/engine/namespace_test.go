package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
)

// asked is a server that answers the question for a namespace with err.
type asked struct {
	workflowservice.WorkflowServiceClient
	err   error
	about string
}

// asking is a client of it.
type asking struct {
	client.Client
	asked *asked
}

func (a asking) WorkflowService() workflowservice.WorkflowServiceClient { return a.asked }

func (a *asked) DescribeNamespace(ctx context.Context, r *workflowservice.DescribeNamespaceRequest, _ ...grpc.CallOption) (*workflowservice.DescribeNamespaceResponse, error) {
	a.about = r.GetNamespace()
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, errors.New("a server that stalls would hold the start up")
	}
	return &workflowservice.DescribeNamespaceResponse{}, a.err
}

// TestOnlyAnAnswerSaysThatThereIsNoNamespace: a server that is away or ill says
// nothing about it, and one that does not let us look is believed to have it.
func TestOnlyAnAnswerSaysThatThereIsNoNamespace(t *testing.T) {
	away := serviceerror.NewUnavailable("shard status unknown")
	for name, c := range map[string]struct {
		err           error
		missing, fine bool
	}{
		"it is there":          {nil, false, true},
		"it is not":            {serviceerror.NewNamespaceNotFound("vendor"), true, false},
		"an older answer":      {serviceerror.NewNotFound("no such namespace"), true, false},
		"nobody may look":      {serviceerror.NewPermissionDenied("not yours", ""), false, true},
		"the server is away":   {away, false, false},
		"it takes too long":    {context.DeadlineExceeded, false, false},
		"it asks for patience": {serviceerror.NewResourceExhausted(0, "later"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := &asked{err: c.err}
			err := CheckNamespace(t.Context(), asking{asked: server}, "vendor", "temporal.test:7233")
			require.Equal(t, "vendor", server.about)
			none, missing := errors.AsType[*NoNamespace](err)
			require.Equal(t, c.missing, missing)
			switch {
			case c.fine:
				require.NoError(t, err)
			case missing:
				require.Equal(t, &NoNamespace{"vendor", "temporal.test:7233"}, none)
			default:
				require.ErrorIs(t, err, c.err)
				require.ErrorContains(t, err, "ask for the namespace vendor: ")
			}
		})
	}
}
