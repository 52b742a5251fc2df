package emulatorbench

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// callers ask at once.
const callers = 4

// rate is how many requests a second four callers get answered over TLS, each on a connection of its own.
func rate(ctx context.Context, requests int, clients []*http.Client, ask func(context.Context, *http.Client) error) (float64, error) {
	var wait sync.WaitGroup
	failed := make(chan error, callers)
	began := clock()
	for _, client := range clients {
		wait.Go(func() {
			for range requests / callers {
				if err := ask(ctx, client); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wait.Wait()
	took := clock().Sub(began)
	select {
	case err := <-failed:
		return 0, err
	default:
		return float64(requests) / max(took, time.Millisecond).Seconds(), nil
	}
}

func (s *scene) clients() []*http.Client {
	var all []*http.Client
	for range callers {
		all = append(all, s.server.HTTPClient())
	}
	return all
}

// tokens measures tokens a second. The signature is the price that nobody can avoid.
func (s *scene) tokens(ctx context.Context, report func(Figure)) error {
	clients := s.clients()
	perSecond := 0.0
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	ask := func(ctx context.Context) (err error) {
		perSecond, err = rate(ctx, s.requests, clients, s.askToken)
		return err
	}
	sign := func(context.Context) error {
		for i := range s.requests {
			sum := sha256.Sum256(fmt.Append(nil, i))
			if _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]); err != nil {
				return err
			}
		}
		return nil
	}
	var rates []float64
	spent, err := inTurn(ctx, s.pairs, way{"tokens", func(ctx context.Context) error {
		err := ask(ctx)
		rates = append(rates, perSecond)
		return err
	}}, way{"signatures", sign})
	if err != nil {
		return err
	}
	report(Figure{Name: "emulator.tokens_per_second", Value: median(rates), Unit: "1/s", Note: "client secret, 4 callers over TLS, client and server in one process"})
	report(Figure{Name: "emulator.token_to_signature", Value: ratio(spent[0], spent[1]), Unit: "ratio", Target: 3, Op: "<=",
		Baseline: "as many bare RSA-2048 signatures", Note: "processor time of client, TLS and server a token: " + each(spent[0], s.requests)})
	return nil
}

// pages measures delta pages a second, beside a server that sends the same bytes and does nothing else.
func (s *scene) pages(ctx context.Context, report func(Figure)) error {
	still := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(s.bodies[s.links[1]]) // a client that went away is its own business
	}))
	still.StartTLS()
	defer still.Close()
	plain := make([]*http.Client, callers)
	for i := range plain {
		plain[i] = &http.Client{Transport: still.Client().Transport.(*http.Transport).Clone()}
	}
	get := func(address string) func(context.Context, *http.Client) error {
		return func(ctx context.Context, client *http.Client) error {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
			if err != nil {
				return err
			}
			r.Header.Set("Authorization", "Bearer "+s.token)
			_, err = read(client.Do(r))
			return err
		}
	}
	var rates []float64
	clients := s.clients()
	spent, err := inTurn(ctx, s.pairs, way{"delta pages", func(ctx context.Context) error {
		perSecond, err := rate(ctx, s.requests, clients, get(s.links[1]))
		rates = append(rates, perSecond)
		return err
	}}, way{"still pages", func(ctx context.Context) error {
		_, err := rate(ctx, s.requests, plain, get(still.URL))
		return err
	}})
	if err != nil {
		return err
	}
	report(Figure{Name: "emulator.delta_pages_per_second", Value: median(rates), Unit: "1/s", Note: fmt.Sprintf("%d users each, 4 callers over TLS, client and server in one process", pageSize)})
	report(Figure{Name: "emulator.delta_page_to_still_page", Value: ratio(spent[0], spent[1]), Unit: "ratio", Target: 8, Op: "<=",
		Baseline: "a server that sends the same bytes over TLS", Note: "processor time of client, TLS and server a page: " + each(spent[0], s.requests)})
	return nil
}
