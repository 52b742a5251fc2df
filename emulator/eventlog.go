package emulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// event is one thing that happened to the world. Its meaning depends on nothing but the events before it.
type event struct {
	At   time.Time       `json:"at"`
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

const logFile = "events.jsonl"

// eventLog appends events to a file, one JSON document a line, and remembers nothing itself.
type eventLog struct{ file *os.File }

// openLog replays the log of a state folder into apply and leaves it open for appending, to one process at a time: two
// would write over each other. A last line without its line break is what a killed process left of an event nobody was
// told about; it is cut off.
func openLog(dir *os.Root, apply func(event) error) (*eventLog, error) {
	file, err := dir.OpenFile(logFile, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the emulator's event log: %w", err)
	}
	// The lock ends with the process, however it ends.
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("the state folder %s is in use: stop the emulator that works on it, or choose another folder: %w", dir.Name(), err), file.Close())
	}
	var kept int64
	lines := bufio.NewReaderSize(file, 1<<20)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read the emulator's event log: %w", err), file.Close())
		}
		kept += int64(len(line))
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, errors.Join(fmt.Errorf("%s line %d is not an event; repair it or start over with an empty state folder", logFile, number), file.Close())
		}
		if err := apply(e); err != nil {
			return nil, errors.Join(fmt.Errorf("%s line %d (%s) does not fit the events before it: %w", logFile, number, e.Kind, err), file.Close())
		}
	}
	if err := file.Truncate(kept); err != nil {
		return nil, errors.Join(fmt.Errorf("repair the emulator's event log: %w", err), file.Close())
	}
	if _, err := file.Seek(kept, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("continue the emulator's event log: %w", err), file.Close())
	}
	return &eventLog{file: file}, nil
}

func (l *eventLog) append(e event) error {
	if l == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode the event %s: %w", e.Kind, err)
	}
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("keep the event %s: %w", e.Kind, err)
	}
	return nil
}

func (l *eventLog) close() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}
