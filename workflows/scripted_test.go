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
		reflect.TypeFor[*scripted.Sync]():      reflect.TypeFor[*activities.Sync](),
	} {
		for i := range real.NumMethod() {
			want := real.Method(i)
			got, ok := played.MethodByName(want.Name)
			require.True(t, ok, "%s is not played", want.Name)
			require.Equal(t, signature(want), signature(got), want.Name)
		}
	}
}

func signature(m reflect.Method) (out []string) {
	for i := 1; i < m.Type.NumIn(); i++ {
		out = append(out, m.Type.In(i).String())
	}
	for i := range m.Type.NumOut() {
		out = append(out, m.Type.Out(i).String())
	}
	return out
}
