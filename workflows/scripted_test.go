package workflows

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/activities"
	"consentry/test/scripted"
)

// What plays an activity must have its very name and signature, or the tests
// and the recorded histories speak of something that does not exist.
func TestScriptedActivitiesAreTheProductsOwn(t *testing.T) {
	for played, real := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[*scripted.Migration](): reflect.TypeFor[*activities.Migration](),
		reflect.TypeFor[*scripted.Rotation]():  reflect.TypeFor[*activities.Rotation](),
		reflect.TypeFor[*scripted.Connector](): reflect.TypeFor[*activities.Connector](),
		reflect.TypeFor[*scripted.Sync]():      reflect.TypeFor[*activities.Sync](),
	} {
		for want := range real.Methods() {
			got, ok := played.MethodByName(want.Name)
			require.True(t, ok, "%s is not played", want.Name)
			require.Equal(t, signature(want), signature(got), want.Name)
		}
	}
}

func signature(m reflect.Method) (out []string) {
	for in := range m.Type.Ins() {
		out = append(out, in.String())
	}
	out = out[1:] // the receiver
	for o := range m.Type.Outs() {
		out = append(out, o.String())
	}
	return out
}
