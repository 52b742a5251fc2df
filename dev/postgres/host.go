package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// debian is where each version that is installed has its programs.
const debian = "/usr/lib/postgresql/*/bin"

// findPrograms gives the folder with PostgreSQL's programs: of the version
// that made the cluster if there is one, else the newest of those installed beside
// each other, else that of the path.
func findPrograms(installed, kept string) (string, error) {
	found, err := filepath.Glob(installed)
	if err != nil {
		return "", err
	}
	found = slices.DeleteFunc(found, func(dir string) bool { return !complete(dir) || (kept != "" && version(dir) != kept) })
	if len(found) > 0 {
		return slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) }), nil
	}
	if program, err := exec.LookPath("initdb"); err == nil {
		if program, err = filepath.EvalSymlinks(program); err != nil {
			return "", err
		}
		if dir := filepath.Dir(program); complete(dir) {
			return dir, nil
		}
	}
	if kept != "" {
		return "", fmt.Errorf("the rows were kept by PostgreSQL %s, whose programs are not in %s: install it again (on Debian: apt-get install postgresql-%s), or forget them (make dev-reset)", kept, installed, kept)
	}
	return "", fmt.Errorf("PostgreSQL is not installed: initdb, pg_ctl, postgres and psql are neither all in %s nor beside each other in the path. On Debian: apt-get install postgresql (no server of the system is needed or touched). SQLite needs nothing: leave --db out", installed)
}

// keptVersion is the major version that made the cluster in dir; "" if there is
// none yet.
func keptVersion(dir string) string {
	if dir == "" {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(dir, "data", "PG_VERSION"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

var programs = []string{"initdb", "pg_ctl", "postgres", "psql"}

func complete(dir string) bool {
	for _, program := range programs {
		if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
			return false
		}
	}
	return true
}

// version is the 15 in /usr/lib/postgresql/15/bin.
func version(dir string) string { return filepath.Base(filepath.Dir(dir)) }

func major(dir string) int {
	n, err := strconv.Atoi(version(dir))
	if err != nil {
		return 0
	}
	return n
}

// unprivileged is whom root starts the server as; nil where we are not root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as")
}

// passing is where a temporary cluster lives: in memory, where that has the room,
// because a database is some hundred files.
func passing(unsafe bool) string {
	const memory, room = "/dev/shm", 2 << 30
	var fs syscall.Statfs_t
	if !unsafe || syscall.Statfs(memory, &fs) != nil || uint64(fs.Bsize)*fs.Bavail < room {
		return os.TempDir()
	}
	return memory
}

// guard waits until its input ends, which is when we stop the cluster or when
// this process is no more. Then it ends the server fast, and at once if that
// takes long.
const guard = `
trap '' INT TERM HUP QUIT
read -r _
cd /
if [ -f "$2/data/postmaster.pid" ]; then
	"$1/pg_ctl" stop --silent --wait --timeout=3 --mode fast --pgdata "$2/data" ||
	"$1/pg_ctl" stop --silent --wait --timeout=10 --mode immediate --pgdata "$2/data"
fi
if [ "$3" = remove ]; then rm -rf "$2"; fi
`

// guardTakes bounds how long a guard is at it.
const guardTakes = 15 * time.Second

// Vacated waits for the end of a server in dir whose process was killed: its
// guard stops it, which takes a moment. It holds folder and port until then.
func Vacated(ctx context.Context, dir string) error {
	late := time.NewTimer(guardTakes)
	defer late.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		pid, err := postmaster(filepath.Join(dir, "data"))
		if err != nil || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return nil // there is none
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C: // another process may have the number by now; the server knows better
			return nil
		case <-look.C:
		}
	}
}

// postmaster is the server's first process.
func postmaster(data string) (int, error) {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return 0, fmt.Errorf("PostgreSQL's postmaster.pid: %w", err)
	}
	return pid, nil
}

// guardStart starts the guard, who is there before the server is.
func (c *Cluster) guardStart() error {
	end := "keep"
	if c.options.Dir == "" {
		end = "remove"
	}
	c.guard = exec.Command("/bin/sh", "-c", guard, "guard", c.programs, c.dir, end)
	c.guard.Dir = c.dir
	c.guard.SysProcAttr = &syscall.SysProcAttr{Credential: c.user, Setpgid: true}
	leash, err := c.guard.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.guard.Start(); err != nil {
		if errors.Is(err, os.ErrPermission) && c.user != nil {
			return fmt.Errorf("PostgreSQL does not run as root, and the user it is run as may not enter %s: choose a folder that everybody may pass through, or run this as an ordinary user", c.dir)
		}
		return fmt.Errorf("start the guard of the PostgreSQL cluster: %w", err)
	}
	c.leash = leash
	go func() {
		_ = c.guard.Wait() // the server's log says what went wrong
		close(c.ended)
	}()
	return nil
}
