package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"

	"consentry/internal/contract"
	"consentry/internal/engine"
)

// oneKey is a key source that is always there: what is measured is the codec.
type oneKey struct{}

func (oneKey) NewestCodecKey(context.Context) (string, error) { return "pk_bench", nil }
func (oneKey) OpenCodecKey(context.Context, string) ([]byte, error) {
	return make([]byte, 32), nil
}

// codec measures what encryption adds to one payload, there and back, for the input that every migration carries: in
// turn with the same converter without a codec, because machines are shared.
func codec(_ context.Context, report func(figure)) error {
	in := contract.MigrationInput{
		AttemptID: "mig_t2rtv14a27333gkj", IntegrationID: "int_t2rtv14a27333gkj", AccountID: "acc_t2rtv14a27333gkj", Region: "eu", CampaignID: "cam_t2rtv14a27333gkj",
		Dates: contract.Dates{NextAt: time.Unix(1_800_000_000, 0).UTC(), Deadline: time.Unix(1_900_000_000, 0).UTC(), CampaignVersion: 3},
	}
	sealed := engine.NewCodec(engine.NewKeyring(oneKey{}, time.Now), "default").Converters().Data
	var ratios, ours []float64
	for range 7 {
		plain, err := roundTrip(converter.GetDefaultDataConverter(), in)
		if err != nil {
			return err
		}
		encrypted, err := roundTrip(sealed, in)
		if err != nil {
			return err
		}
		ratios, ours = append(ratios, encrypted/plain), append(ours, encrypted-plain)
	}
	slices.Sort(ratios)
	slices.Sort(ours)
	report(figure{Name: "job.codec_ratio", Value: ratios[len(ratios)/2], Unit: "ratio", Target: 3, Op: "<=", Baseline: "the SDK's JSON converter without a codec, same payload", Note: "write and read of a migration's input, median of 7 pairs"})
	report(figure{Name: "job.codec_ns", Value: ours[len(ours)/2], Unit: "ns", Note: "what encryption adds to one payload, there and back"})
	p, err := sealed.ToPayload(in)
	if err != nil {
		return err
	}
	bare, err := converter.GetDefaultDataConverter().ToPayload(in)
	if err != nil {
		return err
	}
	report(figure{Name: "job.codec_bytes", Value: float64(p.Size() - bare.Size()), Unit: "bytes", Note: "what it adds to the payload's size"})
	return nil
}

func roundTrip(data converter.DataConverter, in contract.MigrationInput) (float64, error) {
	var failed error
	took := testing.Benchmark(func(b *testing.B) {
		b.Helper()
		for b.Loop() {
			p, err := data.ToPayload(in)
			if err == nil {
				var out contract.MigrationInput
				err = data.FromPayload(p, &out)
			}
			if err != nil {
				failed = fmt.Errorf("measure the codec: %w", err)
				return
			}
		}
	})
	return float64(took.NsPerOp()), failed
}
