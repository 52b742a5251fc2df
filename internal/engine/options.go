package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
)

// Converters turn values and failures into payloads and back. Failures go
// through the same codec, messages and stacks included.
type Converters struct {
	Data    converter.DataConverter
	Failure converter.FailureConverter
}

func converters(data converter.DataConverter) Converters {
	return Converters{data, temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: data, EncodeCommonAttributes: true})}
}

// Plain leaves payloads readable. It is for recorded histories and for whoever
// reads nothing but events; no process of the product uses it.
func Plain() Converters { return converters(converter.GetDefaultDataConverter()) }

// Converters encrypt, for clients: a key that cannot be had is an error, and the
// call is made again.
func (c *Codec) Converters() Converters {
	return converters(converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c))
}

// WorkerConverters encrypt, for workers: a key that cannot be had stops the
// workflow task, which Temporal repeats, instead of failing the workflow. Asking
// for a key takes longer than workflow code may, so the watch for endless loops
// rests meanwhile.
func (c *Codec) WorkerConverters() Converters {
	blocking := *c
	blocking.blocks = true
	return converters(workflow.DataConverterWithoutDeadlockDetection(converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), &blocking)))
}

// ClientOptions reads where Temporal is from the environment (TEMPORAL_ADDRESS,
// TEMPORAL_NAMESPACE, TEMPORAL_TLS_*, TEMPORAL_API_KEY …) and adds the logger,
// which repeats nothing on replay. address, if given, wins over the environment's.
func ClientOptions(address string, log *zap.Logger) (client.Options, error) {
	o, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return o, fmt.Errorf("read Temporal's settings from the environment: %w", err)
	}
	if address != "" {
		o.HostPort = address
	}
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	o.Logger = sdklog.NewStructuredLogger(slog.New(zapslog.NewHandler(log.Core(), zapslog.WithName(log.Name()))))
	return o, nil
}

// Connection is a process's way to Temporal: one connection, seen by two clients
// that differ in what they do about a key that cannot be had.
type Connection struct {
	Client    client.Client // for calls
	Workers   client.Client // for workers
	Namespace string
	Address   string
	Codec     *Codec
}

// Dial connects to Temporal. It fails at once when nobody answers, naming the
// address, or *NoNamespace when it does not have ours. Each tune may add what watches the calls (metrics, traces).
func Dial(ctx context.Context, address string, keys *Keyring, log *zap.Logger, tunes ...func(*client.Options)) (*Connection, error) {
	o, err := ClientOptions(address, log)
	if err != nil {
		return nil, err
	}
	for _, tune := range tunes {
		tune(&o)
	}
	codec := NewCodec(keys, o.Namespace)
	with := func(c Converters) client.Options {
		o.DataConverter, o.FailureConverter = c.Data, c.Failure
		return o
	}
	calls, err := client.DialContext(ctx, with(codec.Converters()))
	if err != nil {
		return nil, fmt.Errorf("no Temporal server answers at %s: start it, or correct TEMPORAL_ADDRESS: %w", o.HostPort, err)
	}
	err = CheckNamespace(ctx, calls, o.Namespace, o.HostPort)
	if none, ok := errors.AsType[*NoNamespace](err); ok { // whatever else went wrong, the health says later on
		calls.Close()
		return nil, none
	}
	workers, err := client.NewClientFromExistingWithContext(ctx, calls, with(codec.WorkerConverters()))
	if err != nil {
		calls.Close()
		return nil, fmt.Errorf("connect the workers to Temporal: %w", err)
	}
	return &Connection{Client: calls, Workers: workers, Namespace: o.Namespace, Address: o.HostPort, Codec: codec}, nil
}

// Close ends both clients and the connection.
func (c *Connection) Close() {
	c.Workers.Close()
	c.Client.Close()
}

// WorkerOptions are the options of every worker. Stopping waits for what runs, but
// no longer than within, 0 standing for long enough for a slice of a directory to
// be applied; what is not finished then is given back. Activities are few at a time because
// each may hold a page of a directory in memory.
func WorkerOptions(within time.Duration) worker.Options {
	within = cmp.Or(within, 20*time.Second)
	return worker.Options{
		DisableRegistrationAliasing:        true,
		Interceptors:                       []interceptor.WorkerInterceptor{&named{}, newHandover(within)},
		WorkerStopTimeout:                  within,
		MaxConcurrentActivityExecutionSize: 64,
	}
}

// ReplayerOptions let recorded histories be read as they were written: plain,
// because they hold scripted ids and no customer's data, so that a change of one
// can be read in a review and no key has to be kept for them.
func ReplayerOptions() worker.WorkflowReplayerOptions {
	c := Plain()
	return worker.WorkflowReplayerOptions{DataConverter: c.Data, FailureConverter: c.Failure, DisableRegistrationAliasing: true}
}
