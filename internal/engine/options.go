package engine

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
)

// Converters is the codec seam. Today payloads are plain JSON (the identity
// codec); encryption goes in here and nowhere else. Failures go through the same
// converter, messages and stacks included.
func Converters() (converter.DataConverter, converter.FailureConverter) {
	data := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), identityCodec{})
	failure := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: data, EncodeCommonAttributes: true})
	return data, failure
}

// ClientOptions reads where Temporal is from the environment (TEMPORAL_ADDRESS,
// TEMPORAL_NAMESPACE, TEMPORAL_TLS_*, TEMPORAL_API_KEY …) and adds the
// converters and the logger, which repeats nothing on replay.
func ClientOptions(log *zap.Logger) (client.Options, error) {
	o, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return o, fmt.Errorf("read Temporal's settings from the environment: %w", err)
	}
	o.DataConverter, o.FailureConverter = Converters()
	o.Logger = sdklog.NewStructuredLogger(slog.New(zapslog.NewHandler(log.Core())))
	return o, nil
}

// Dial connects to Temporal; address, if given, wins over the environment's. It
// fails at once when nobody answers, naming the address.
func Dial(ctx context.Context, address string, log *zap.Logger) (client.Client, string, error) {
	o, err := ClientOptions(log)
	if err != nil {
		return nil, "", err
	}
	if address != "" {
		o.HostPort = address
	}
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, "", fmt.Errorf("no Temporal server answers at %s: start it, or correct TEMPORAL_ADDRESS: %w", o.HostPort, err)
	}
	namespace := o.Namespace
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	return c, namespace, nil
}

// WorkerOptions are the options of every worker. Stopping waits long enough for
// a slice of a directory to be applied; activities are few at a time because
// each may hold a page of a directory in memory.
func WorkerOptions() worker.Options {
	return worker.Options{
		DisableRegistrationAliasing:        true,
		WorkerStopTimeout:                  20 * time.Second,
		MaxConcurrentActivityExecutionSize: 64,
	}
}

// ReplayerOptions let recorded histories be read as they were written.
func ReplayerOptions() worker.WorkflowReplayerOptions {
	data, failure := Converters()
	return worker.WorkflowReplayerOptions{DataConverter: data, FailureConverter: failure, DisableRegistrationAliasing: true}
}
