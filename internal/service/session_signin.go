package service

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

// How long a way to the console's identity provider may take, and how long a
// signed-in browser stays so.
const (
	signInFor  = 10 * time.Minute
	sessionFor = 12 * time.Hour
)

// SignInStart is what a browser takes along to the identity provider. Browser is
// the value of the cookie that binds the way back to this browser; without it,
// an attacker could sign somebody else in as himself.
type SignInStart struct {
	State    string
	Nonce    string
	Verifier string // PKCE
	Browser  string
	Expires  time.Time
}

// SignInTaken is what was kept of a way to the identity provider.
type SignInTaken struct {
	Nonce    string
	Verifier string
	Return   string
}

// BeginSignIn opens one single-use way to the console's identity provider.
// browser is the cookie of an earlier one, "" if there is none, so that two tabs
// can sign in side by side.
func (s *Service) BeginSignIn(ctx context.Context, browser, returnTo string) (SignInStart, error) {
	start := SignInStart{State: domain.NewToken(), Nonce: domain.NewToken(), Verifier: domain.NewToken(), Browser: browser}
	if !isToken(browser) {
		start.Browser = domain.NewToken()
	}
	sealed, err := s.keeper.Seal(ctx, []byte(start.Verifier))
	if err != nil {
		return start, fmt.Errorf("seal the verifier of a sign-in: %w", err)
	}
	err = s.store.Write(ctx, func(rows Rows) error {
		now := s.now()
		if _, err := rows.SignInStates().Delete(By(Where{"expires_at <=": domain.At(now)})); err != nil {
			return err
		}
		if err := forgetOldest(rows); err != nil {
			return err
		}
		start.Expires = now.Add(signInFor)
		return rows.SignInStates().Insert(&domain.SignInState{
			ID: signInKey(start.State, start.Browser), Nonce: start.Nonce, Verifier: base64.RawStdEncoding.EncodeToString(sealed),
			Return: LocalPath(returnTo), ExpiresAt: domain.At(start.Expires),
		})
	})
	return start, err
}

// maxSignIns bounds the ways to the identity provider that are kept at once:
// anybody may begin one. Beyond it the oldest are forgotten, so that a flood
// shortens the time to sign in rather than refusing everybody.
const maxSignIns = 20_000

func forgetOldest(rows Rows) error {
	n, err := rows.SignInStates().Count(Query{})
	if err != nil || n < maxSignIns {
		return err
	}
	oldest, err := rows.SignInStates().List(Query{Order: []string{"expires_at", "id"}, Limit: n - maxSignIns + 1})
	if err != nil {
		return err
	}
	ids := make([]string, len(oldest))
	for i, s := range oldest {
		ids[i] = s.ID
	}
	_, err = rows.SignInStates().Delete(By(Where{"id": ids}))
	return err
}

// signInKey makes a state worth nothing in another browser: the row is found by
// both values or not at all.
func signInKey(state, browser string) string { return consent.Hash(state + "|" + browser) }

// isToken reports whether a value could be one that domain.NewToken made.
func isToken(v string) bool { return len(v) == len(domain.NewToken()) }

// LocalPath keeps a return address on this site: anything else becomes "/".
func LocalPath(p string) string {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t") || len(p) > 500 {
		return "/"
	}
	return p
}

// TakeSignIn spends the state that came back. It can be taken once, by the
// browser that began, until it expires.
func (s *Service) TakeSignIn(ctx context.Context, state, browser string) (SignInTaken, error) {
	find := func(tx *Tx) (domain.SignInState, error) {
		row, err := tx.SignInStates().Get(signInKey(state, browser))
		if domain.IsNotFound(err) || (err == nil && row.ExpiresAt.Due(tx.Now)) {
			return row, domain.Refuse(domain.Gone, "sign-in-spent", "This sign-in is too old, was already used, or was begun in another browser. Nothing has changed; sign in again.")
		}
		return row, err
	}
	// A forged return does not take the write lock.
	err := s.Read(ctx, domain.Anonymous(), func(tx *Tx) error {
		_, err := find(tx)
		return err
	})
	if err != nil {
		s.auditRefusal(ctx, domain.Anonymous(), "sign-in-return", "console", err)
		return SignInTaken{}, err
	}
	row, err := Do(ctx, s, domain.Anonymous(), "", "sign-in-return", "console", func(tx *Tx) (domain.SignInState, error) {
		row, err := find(tx)
		if err != nil {
			return row, err
		}
		_, err = tx.SignInStates().Delete(By(Where{"id": row.ID}))
		return row, err
	})
	if err != nil {
		return SignInTaken{}, err
	}
	sealed, err := base64.RawStdEncoding.DecodeString(row.Verifier)
	if err != nil {
		return SignInTaken{}, fmt.Errorf("read the verifier of a sign-in: %w", err)
	}
	verifier, err := s.keeper.Open(ctx, sealed)
	if err != nil {
		return SignInTaken{}, fmt.Errorf("open the verifier of a sign-in: %w", err)
	}
	return SignInTaken{Nonce: row.Nonce, Verifier: string(verifier), Return: row.Return}, nil
}

// SignedIn is a browser's new session. Cookie is its only copy.
type SignedIn struct {
	Caller  domain.Caller
	Cookie  string
	Expires time.Time
}

// SignIn opens a session for a verified identity of the console's provider.
// Somebody whom nobody invited gets none.
func (s *Service) SignIn(ctx context.Context, issuer, subject string) (SignedIn, error) {
	in := SignedIn{Cookie: domain.NewToken()}
	_, err := Do(ctx, s, domain.Anonymous(), "", "sign-in", consent.Hash(issuer+"|"+subject), func(tx *Tx) (struct{}, error) {
		caller, err := tx.personFor(issuer, subject)
		if err != nil {
			return struct{}{}, err
		}
		tx.Caller, in.Caller, in.Expires = caller, caller, tx.Now.Add(sessionFor)
		if _, err := tx.Sessions().Delete(By(Where{"expires_at <=": tx.At()})); err != nil {
			return struct{}{}, err
		}
		person, err := tx.Rows.People().Get(caller.ID)
		if err != nil {
			return struct{}{}, err
		}
		person.SignedInAt = tx.At()
		if err := tx.Rows.People().Update(&person); err != nil {
			return struct{}{}, err
		}
		session := domain.Session{ID: consent.Hash(in.Cookie), PersonID: caller.ID, CreatedAt: tx.At(), ExpiresAt: domain.At(in.Expires)}
		if err := tx.Sessions().Insert(&session); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Audit("", "sign-in", caller.ID, "done", "", nil)
	})
	if err != nil {
		return SignedIn{}, err
	}
	return in, nil
}

// SignOut ends the session of a cookie. Ending none is no error: the browser is
// signed out either way.
func (s *Service) SignOut(ctx context.Context, caller domain.Caller, cookie string) error {
	_, err := Do(ctx, s, caller, "", "sign-out", caller.ID, func(tx *Tx) (int, error) {
		n, err := tx.Sessions().Delete(By(Where{"id": consent.Hash(cookie)}))
		if err != nil || n == 0 {
			return n, err
		}
		return n, tx.Audit("", "sign-out", caller.ID, "done", "", nil)
	})
	return err
}

// CallerOf gives who stands behind a session's cookie, with the grants as they
// are now; Anonymous when there is no live session.
func (s *Service) CallerOf(ctx context.Context, cookie string) (caller domain.Caller, err error) {
	if !isToken(cookie) {
		return domain.Anonymous(), nil
	}
	err = s.store.Look(ctx, func(rows Rows) error {
		o, err := rows.Owner(consent.Hash(cookie))
		if err != nil {
			return err
		}
		if o.ExpiresAt.Due(s.now()) {
			return domain.Missing("session")
		}
		caller = o.caller()
		caller.Session = consent.Hash(cookie)
		return nil
	})
	if domain.IsNotFound(err) {
		return domain.Anonymous(), nil
	}
	return caller, err
}
