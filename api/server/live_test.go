package server

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// listen opens a stream and gives the ids of its events as they come; the
// channel closes with the stream.
func (b *browser) listen(ctx context.Context, query string, headers map[string]string) <-chan int64 {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.w.URL+"/events"+query, nil)
	require.NoError(b.w.t, err)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := b.client.Do(r)
	require.NoError(b.w.t, err)
	require.Equal(b.w.t, http.StatusOK, response.StatusCode)
	require.Equal(b.w.t, "text/event-stream", response.Header.Get("Content-Type"))
	ids := make(chan int64, 100)
	first := make(chan struct{})
	go func() {
		defer response.Body.Close()
		defer close(ids)
		opened := false
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			if !opened {
				opened = true
				close(first)
			}
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				seq, _ := strconv.ParseInt(id, 10, 64)
				ids <- seq
			}
		}
	}()
	<-first
	return ids
}

func (w *world) change(accountID string) (seq int64) {
	w.t.Helper()
	c := domain.Change{AccountID: accountID, Kind: "integration", SubjectID: "x", What: "test", At: domain.At(w.clock.Now())}
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error { return r.Changes().Insert(&c) }))
	return c.Seq
}

func TestAStreamTellsOfChangesOfItsOwnAccount(t *testing.T) {
	w := newWorld(t)
	fay, olga := w.as("fay-fabric"), w.as("olga-operator")
	hers := fay.listen(t.Context(), "", nil)
	all := olga.listen(t.Context(), "", nil)
	foreign := w.change("acc-contoso")
	require.Equal(t, foreign, next(t, all))
	own := w.change("acc-fabric")
	require.Equal(t, own, next(t, hers), "nothing of the other account came before")
	require.Equal(t, own, next(t, all))
}

// The server bounds how long a request may take to arrive. That bound must not
// end a stream, which goes on long after its request has arrived.
func TestAStreamOutlivesTheBoundOfReading(t *testing.T) {
	w := newWorld(t)
	fay := w.as("fay-fabric")
	bounded := httptest.NewUnstartedServer(w.echo)
	bounded.Config.ReadTimeout = time.Second
	bounded.Start()
	t.Cleanup(bounded.Close)
	w.URL = bounded.URL
	ids := fay.listen(t.Context(), "", nil)
	<-time.After(bounded.Config.ReadTimeout + 500*time.Millisecond)
	own := w.change("acc-fabric")
	require.Equal(t, own, next(t, ids))
}

func next(t *testing.T, ids <-chan int64) int64 {
	t.Helper()
	select {
	case id, open := <-ids:
		require.True(t, open, "the stream ended")
		return id
	case <-time.After(30 * time.Second):
		t.Fatal("no event within 30 s")
		return 0
	}
}

func TestAStreamGoesOnFromTheLastEventAndEndsWithTheProcess(t *testing.T) {
	w := newWorld(t)
	fay := w.as("fay-fabric")
	from := w.change("acc-fabric")
	last := w.change("acc-fabric")
	ids := fay.listen(t.Context(), "", map[string]string{"Last-Event-ID": strconv.FormatInt(from, 10)})
	require.Equal(t, last, next(t, ids))

	var out struct {
		Items []Change
		Last  int64
	}
	fay.get(prefix + "/changes?since=" + strconv.FormatInt(from, 10)).into(&out)
	require.Len(t, out.Items, 1)
	require.Equal(t, last, out.Last)

	close(w.stop)
	w.stop = make(chan struct{}) // the cleanup closes another
	require.Eventually(t, func() bool {
		select {
		case _, open := <-ids:
			return !open
		default:
			return false
		}
	}, 30*time.Second, 10*time.Millisecond)
}

func TestTheFeedAsksOnlyWhileSomebodyListens(t *testing.T) {
	asked := make(chan struct{}, 100)
	f := newFeed(func(context.Context) (int64, error) {
		asked <- struct{}{}
		return 1, nil
	})
	_, first := f.listen(t.Context())
	_, second := f.listen(t.Context())
	<-asked
	first()
	<-asked
	second()
	require.Nil(t, f.stop)
}
