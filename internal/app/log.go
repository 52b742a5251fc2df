package app

import (
	"fmt"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// How the log is written.
const (
	FormatJSON  = "json"  // one object a line, for machines
	FormatHuman = "human" // time, level, part, message, then the keys, for whoever reads along
)

// NewLogger logs to a file ("stderr" is standard error). Times are UTC and say
// so. Keys are those of logkey; docs/log-keys.md lists them with their units.
func NewLogger(level, format, to string) (*zap.Logger, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	c := zap.NewProductionConfig()
	c.Level = zap.NewAtomicLevelAt(l)
	c.Sampling = nil
	c.OutputPaths, c.ErrorOutputPaths = []string{to}, []string{to}
	c.DisableCaller, c.DisableStacktrace = true, true // a message stands in one place of the code; a panic logs its stack itself
	c.EncoderConfig.EncodeTime = inUTC("2006-01-02T15:04:05.000000Z")
	if format == FormatHuman {
		c.Encoding = "console"
		c.EncoderConfig.ConsoleSeparator = "  "
		c.EncoderConfig.EncodeTime = inUTC("2006-01-02 15:04:05.000 UTC")
		c.EncoderConfig.EncodeLevel = func(l zapcore.Level, e zapcore.PrimitiveArrayEncoder) {
			e.AppendString(fmt.Sprintf("%-5s", l.CapitalString()))
		}
		c.EncoderConfig.EncodeDuration = zapcore.StringDurationEncoder
	}
	return c.Build()
}

func inUTC(layout string) zapcore.TimeEncoder {
	return func(t time.Time, e zapcore.PrimitiveArrayEncoder) { e.AppendString(t.UTC().Format(layout)) }
}
