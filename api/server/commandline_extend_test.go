package server

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
)

// Each migration of an account has its date as a decision of its own: what is
// refused for one keeps nothing from the others, and giving the command again
// does what is left.
func TestAnAccountGetsAnotherDate(t *testing.T) {
	w := newWorldOfNow(t)
	operator, ana := w.shell("", domain.RoleOperator), w.shell("acc-contoso", domain.RoleApprove)
	day := func(n int) string {
		return w.clock.Now().Add(time.Duration(n) * 24 * time.Hour).UTC().Format(time.DateOnly)
	}
	said := func(n int) string {
		return w.clock.Now().Add(time.Duration(n)*24*time.Hour).UTC().Format("2 January 2006") + " 23:59 UTC (extension)"
	}
	of := func(account string) (ids []string) {
		p := operator.run("--json", "get", "/migrations?accountId="+account)
		var list struct {
			Items []struct {
				IntegrationID string `json:"integrationId"`
				Open          bool   `json:"open"`
			} `json:"items"`
		}
		require.NoError(t, json.Unmarshal([]byte(p.out), &list))
		for _, m := range list.Items {
			if m.Open {
				ids = append(ids, m.IntegrationID)
			}
		}
		return ids
	}
	require.ElementsMatch(t, []string{"contoso", "contoso-two"}, of("acc-contoso"), "what this test is about")
	require.Zero(t, operator.run("extend", "contoso-two", "--until", day(200)).exit)

	type outcome struct {
		IntegrationID string `json:"integrationId"`
		Decision      *struct {
			State string `json:"state"`
		} `json:"decision"`
		Refusal *struct {
			Code string `json:"code"`
		} `json:"refusal"`
	}
	extend := func(by *shell, until string) (exit int, items []outcome) {
		p := by.run("--json", "extend", "--account", "acc-contoso", "--until", until, "--reason", "asked for")
		var all struct {
			Items []outcome `json:"items"`
		}
		require.NoError(t, json.Unmarshal([]byte(p.out), &all), p.out+p.errs)
		return p.exit, all.Items
	}
	exit, items := extend(operator, day(150))
	require.Equal(t, 3, exit, "one has a later date already")
	require.Len(t, items, 2)
	require.Equal(t, "contoso", items[0].IntegrationID)
	require.Equal(t, "applied", items[0].Decision.State)
	require.Nil(t, items[1].Decision)
	require.Equal(t, "deadline-not-later", items[1].Refusal.Code)
	require.Contains(t, operator.run("explain", "contoso").out, said(150))

	exit, items = extend(operator, day(250))
	require.Zero(t, exit)
	require.Equal(t, "applied", items[1].Decision.State)
	for _, id := range []string{"contoso", "contoso-two"} {
		require.Contains(t, operator.run("explain", id).out, said(250))
	}
	require.NotContains(t, operator.run("explain", "fabric").out, said(250), "another account has its own date")

	p := operator.run("extend", "--account", "acc-contoso", "--until", day(260))
	require.Zero(t, p.exit)
	require.Contains(t, p.out, "contoso-two  ")
	require.Contains(t, p.out, "the end of that day")
	require.Contains(t, p.out, "as of ")

	p = ana.run("extend", "--account", "acc-contoso", "--until", day(270))
	require.Equal(t, 5, p.exit)
	require.Contains(t, p.errs, "operator")
	p = operator.run("extend", "--account", "acc-contoso", "--until", "2020-01-01")
	require.Equal(t, 2, p.exit)
	require.Contains(t, p.errs, "must lie ahead")
	for _, args := range [][]string{{"extend"}, {"extend", "contoso", "--account", "acc-contoso"}} {
		p = operator.run(append(args, "--until", day(270))...)
		require.Equal(t, 2, p.exit)
		require.Contains(t, p.errs, "--account")
	}
	require.Contains(t, operator.run("explain", "contoso").out, said(260), "what was refused changed nothing")
}
