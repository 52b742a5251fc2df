package app

import "consentry/internal/tracing"

// checkTraces looks at the OTEL_* variables without which no traces are sent.
func checkTraces(f *faults, env func(string) string) {
	for _, wrong := range tracing.Mistakes(env) {
		f.all = append(f.all, Fault{Env: wrong.Env, Value: shown(wrong.Value), Wrong: wrong.Wrong, Remedy: wrong.Remedy})
	}
}
