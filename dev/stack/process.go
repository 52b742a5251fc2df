package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Process is a program of ours that runs beside this one.
type Process struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
	err  error
	said string // its first line
}

// startProcess runs a program with its errors in a log file. It gets a process
// group of its own, so that Ctrl-C reaches this program alone, which then stops
// the others in order. The first line it prints says that it is ready.
func startProcess(ctx context.Context, logFile string, env []string, program string, args ...string) (*Process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", filepath.Base(program), err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w (make builds it)", program, err), log.Close())
	}
	p := &Process{cmd: cmd, log: log, done: make(chan struct{})}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		ok := lines.Scan()
		p.said = lines.Text()
		ready <- ok
		for lines.Scan() {
			fmt.Fprintln(log, lines.Text())
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	select {
	case ok := <-ready:
		if ok {
			return p, nil
		}
		<-p.done
		return nil, fmt.Errorf("%s ended before it was ready (%w); its log is %s", filepath.Base(program), errors.Join(p.err, log.Close()), logFile)
	case <-ctx.Done():
		p.Kill()
		return nil, ctx.Err()
	}
}

// Kill ends the process at once, as a power cut would, and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
	_ = p.log.Close()
}

// Stop asks the process to end and kills it when it has not after the grace.
func (p *Process) Stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.done:
		_ = p.log.Close()
	case <-time.After(grace):
		p.Kill()
	}
}

// Internals is where the process says that it shows its health and metrics; ""
// if it does not.
func (p *Process) Internals() string {
	_, address, _ := strings.Cut(p.said, "health and metrics at http://")
	return address
}

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended is how the process ended, once Done is closed: nil stands for exit code 0.
func (p *Process) Ended() error { return p.err }

// Ready is the line with which the process said that it is ready.
func (p *Process) Ready() string { return p.said }

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Run starts another process of production on this system and returns when it
// says that it is ready; the caller stops it.
func (s *Stack) Run(ctx context.Context, program string, env ...string) (*Process, error) {
	log := filepath.Join(s.options.Dir, filepath.Base(program)+".log")
	return startProcess(ctx, log, slices.Concat(s.env, env), program)
}

// TemporalPID is the id of this stack's own Temporal server; 0 when another is used.
func (s *Stack) TemporalPID() int {
	if s.temporal == nil {
		return 0
	}
	return s.temporal.PID()
}
