package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"consentry/dev/postgres"
)

// The databases that the rows can be on.
const (
	onSQLite   = "sqlite"
	onPostgres = "postgres"
)

// settleDatabase holds a state folder to the database it began on: Temporal's
// workflows and the emulated Microsoft beside it know what is in that one.
func (o *Options) settleDatabase() error {
	path := filepath.Join(o.Dir, "database")
	b, err := os.ReadFile(path)
	kept := strings.TrimSpace(string(b))
	switch {
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	case kept == "":
		if _, err := os.Stat(filepath.Join(o.Dir, "consentry.db")); err == nil {
			kept = onSQLite
		}
	}
	if o.Database == "" {
		o.Database = kept
	}
	if o.Database == "" {
		o.Database = onSQLite
	}
	if o.Database != onSQLite && o.Database != onPostgres {
		return fmt.Errorf("--db is %q: choose %s or %s", o.Database, onSQLite, onPostgres)
	}
	if kept != "" && kept != o.Database {
		return fmt.Errorf("the state folder %s is on %s and cannot go on with %s: leave --db out, choose another folder with --dir, or forget it (make dev-reset)", o.Dir, kept, o.Database)
	}
	return os.WriteFile(path, []byte(o.Database+"\n"), 0o600)
}

// databaseSetting is what processes are told: a file's path, or the file that
// holds the URL with its password.
func (o *Options) databaseSetting() (database, databaseFile string) {
	if o.Database == onPostgres {
		return "", filepath.Join(o.Dir, "database-url")
	}
	return filepath.Join(o.Dir, "consentry.db"), ""
}

func (o *Options) postgresDir() string { return filepath.Join(o.Dir, "postgres") }

// startPostgres starts this folder's own cluster, if it is on one.
func (s *Stack) startPostgres(ctx context.Context) error {
	o := &s.options
	if o.Database != onPostgres {
		return nil
	}
	if os.Geteuid() == 0 { // then the server runs as another user, who has to get into its folder
		if err := os.Chmod(o.Dir, 0o711); err != nil { //nolint:gosec // passing through, not reading
			return err
		}
	}
	cluster, err := postgres.Start(ctx, postgres.Options{Dir: o.postgresDir(), Port: o.Ports.Postgres})
	if err != nil {
		return err
	}
	s.cluster = cluster
	if err := cluster.Create(ctx, "consentry"); err != nil {
		return err
	}
	_, file := o.databaseSetting()
	return os.WriteFile(file, []byte(cluster.URL("consentry")+"\n"), 0o600)
}

// Postgres is the cluster that the rows are on; nil on SQLite.
func (s *Stack) Postgres() *postgres.Cluster { return s.cluster }

// Dir is the folder that keeps all state.
func (s *Stack) Dir() string { return s.options.Dir }
