package server

import (
	"bufio"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// leavings are an account and a connector that nothing holds back, and a connector
// that is in use.
func (w *world) leavings() {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error {
		connector := func(id, tenant string) *domain.Connector {
			return &domain.Connector{ID: id, AccountID: "acc-contoso", Name: "Head office", TenantID: tenant, Product: domain.ProductDirectorySync, CellID: "cell-eu", Condition: domain.ConditionOK}
		}
		used := domain.Integration{
			ID: "contoso-new", AccountID: "acc-contoso", Name: "New office", TenantID: contoso, Product: domain.ProductDirectorySync,
			Binding: domain.BoundConnector, ConnectorID: "con_used", Condition: domain.ConditionOK,
		}
		return errors.Join(
			r.Accounts().Insert(&domain.Account{ID: "acc-leave", Name: "Leaving Ltd", Region: "eu", TimeZone: "UTC", CreatedAt: domain.At(w.clock.Now())}),
			r.Connectors().Insert(connector("con_free", fabric), connector("con_used", contoso)), r.Integrations().Insert(&used))
	}))
}

// TestWhatCannotBeUndoneIsTyped: a name for a person, --yes for a script.
func TestWhatCannotBeUndoneIsTyped(t *testing.T) {
	w := newWorldOfNow(t)
	w.leavings()
	operator, ana := w.shell("", domain.RoleOperator), w.shell("acc-contoso", domain.RoleApprove)
	for typed, by := range map[string]*shell{"": operator, "leaving ltd\n": operator, "yes\n": operator} {
		p := by.fed(typed, "account", "delete", "acc-leave")
		require.Equal(t, 2, p.exit, p.errs)
		require.Contains(t, p.errs, `Type "Leaving Ltd" to confirm: consentry: that is not "Leaving Ltd", so nothing was asked for.`)
		require.Empty(t, p.out)
	}
	require.Contains(t, operator.run("account", "receipt", "acc-leave").out, "nobody has asked")
	p := operator.run("account", "delete", "acc-leave", "--json")
	require.Equal(t, 2, p.exit)
	require.Contains(t, p.errs, "add --yes")
	_, err := w.service.AddCell(t.Context(), domain.System("test"), domain.Cell{ID: "cell-typo", Name: "T", Region: "eu", Cloud: "global", ClientID: contoso, ApplicationObjectID: contoso, HomeTenantID: contoso})
	require.NoError(t, err)
	p = operator.fed("cell-type\n", "cell", "remove", "cell-typo")
	require.Equal(t, 2, p.exit)
	require.Contains(t, p.errs, `that is not "cell-typo", so nothing was asked for.`)
	p = operator.fed("cell-typo\n", "cell", "remove", "cell-typo")
	require.Equal(t, 0, p.exit, p.errs)
	p = operator.fed("Leaving Ltd\n", "account", "delete", "acc-leave")
	require.Equal(t, 0, p.exit, p.errs)
	require.Contains(t, p.out, "Leaving Ltd is to be deleted on ")
	p = ana.fed("Head office", "connector", "disconnect", "con_free")
	require.Equal(t, 0, p.exit, p.errs)

	c, _, _ := operator.command("account", "delete", "acc-leave")
	c.Stderr = nil
	input, typing, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, errors.Join(input.Close(), typing.Close())) })
	c.Stdin = input
	asked, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	read, err := bufio.NewReader(asked).ReadString(':') // "…asks to delete the account …" up to the question
	require.NoError(t, err, read)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	killed := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() }) // else a question that stays would hold the test
	defer killed.Stop()
	rest, err := io.ReadAll(asked)
	require.NoError(t, err)
	require.Error(t, c.Wait())
	require.Equal(t, 130, c.ProcessState.ExitCode(), string(rest))
}

// TestAnAnswerThatCannotBeWrittenIsNoSuccess.
func TestAnAnswerThatCannotBeWrittenIsNoSuccess(t *testing.T) {
	w := newWorldOfNow(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this system has no /dev/full")
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, full.Close()) })
	operator := w.shell("", domain.RoleOperator)
	for _, args := range [][]string{{"whoami"}, {"whoami", "--json"}, {"account", "list"}, {"whoami", "--quiet"}} {
		c, _, errs := operator.command(args...)
		c.Stdout = full
		require.Error(t, c.Run(), args)
		require.Equal(t, 1, c.ProcessState.ExitCode(), args)
		require.Contains(t, errs.String(), "no space left")
	}
}
