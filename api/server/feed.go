package server

import (
	"context"
	"sync"
	"time"
)

// feed tells streams that the change log grew. One loop asks the store for all
// of them, and only while somebody listens.
type feed struct {
	last func(context.Context) (int64, error)

	mu        sync.Mutex // guards the rest
	listeners map[chan struct{}]struct{}
	stop      context.CancelFunc
}

// feedEvery is how often the store is asked, and so the least time between two
// events of a stream.
const feedEvery = 250 * time.Millisecond

func newFeed(last func(context.Context) (int64, error)) *feed {
	return &feed{last: last, listeners: map[chan struct{}]struct{}{}}
}

// listen gives a channel that receives after the log grew. Several growths may
// be one message.
func (f *feed) listen(ctx context.Context) (grown <-chan struct{}, done func()) {
	c := make(chan struct{}, 1)
	c <- struct{}{} // look once: what came between the caller's number and now is news
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners[c] = struct{}{}
	if f.stop == nil {
		loop, stop := context.WithCancel(context.WithoutCancel(ctx)) // it outlives the first listener
		f.stop = stop
		go f.run(loop)
	}
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.listeners, c)
		if len(f.listeners) == 0 && f.stop != nil {
			f.stop()
			f.stop = nil
		}
	}
}

func (f *feed) run(ctx context.Context) {
	ticker := time.NewTicker(feedEvery)
	defer ticker.Stop()
	seen := int64(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		last, err := f.last(ctx)
		if err != nil || last == seen { // a store that does not answer has nothing new to tell
			continue
		}
		seen = last
		f.mu.Lock()
		for c := range f.listeners {
			select {
			case c <- struct{}{}:
			default: // it has not looked yet and will see this too
			}
		}
		f.mu.Unlock()
	}
}
