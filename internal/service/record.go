package service

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"consentry/internal/domain"
)

// Audit appends one entry to the chain of the account ("" = the vendor's). Each
// entry's hash covers the one before it, so that a removed or altered entry
// shows. Detail holds ids and digests only.
func (t *Tx) Audit(accountID, action, subject, outcome, code string, detail map[string]string) error {
	e := domain.AuditEntry{
		Chain: accountID, ChainSeq: 1, At: t.At(), ActorKind: string(t.Caller.Kind), ActorID: t.Caller.ID,
		Action: action, Subject: subject, Outcome: outcome, Code: code, Detail: detail,
	}
	last, err := t.Rows.Audit().Find(Query{Where: Where{"chain": accountID}, Order: []string{"-chain_seq"}, Limit: 1})
	switch {
	case err == nil:
		e.ChainSeq, e.Previous = last.ChainSeq+1, last.Hash
	case !domain.IsNotFound(err):
		return err
	}
	if e.Hash, err = AuditHash(e); err != nil {
		return err
	}
	return t.Rows.Audit().Insert(&e)
}

// AuditHash is the hex SHA-256 over every field of the entry but its hash and
// its place in the table.
func AuditHash(e domain.AuditEntry) (string, error) {
	detail, err := json.Marshal(e.Detail) // map keys are sorted
	if err != nil {
		return "", fmt.Errorf("hash audit entry: %w", err)
	}
	h := sha256.New()
	for _, part := range []string{
		e.Chain, strconv.FormatInt(e.ChainSeq, 10), strconv.FormatInt(e.At.UnixMicro(), 10), e.ActorKind, e.ActorID,
		e.Action, e.Subject, e.Outcome, e.Code, string(detail), e.Previous,
	} {
		fmt.Fprintf(h, "%d:%s\n", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Done records that the command did its work: the audit entry and the change
// that live pages, feeds and notices read. Every command that writes calls it.
func (t *Tx) Done(accountID, action, kind, subject string, detail map[string]string) error {
	if err := t.Audit(accountID, action, subject, "done", "", detail); err != nil {
		return err
	}
	return t.Changed(accountID, kind, subject, action)
}

// Changed appends to the change log without an audit entry: progress and other
// movement that nobody decided.
func (t *Tx) Changed(accountID, kind, subject, what string) error {
	return t.Changes().Insert(&domain.Change{AccountID: accountID, Kind: kind, SubjectID: subject, What: what, At: t.At()})
}

// Notify tells an account something once: the key says what "once" means.
func (t *Tx) Notify(n domain.Notice) error {
	_, err := t.Notices().Find(By(Where{"key": n.Key}))
	if err == nil {
		return nil
	}
	if !domain.IsNotFound(err) {
		return err
	}
	n.ID, n.CreatedAt = domain.NewID("ntc"), t.At()
	if err := t.Notices().Insert(&n); err != nil {
		return err
	}
	return t.Changed(n.AccountID, "notice", n.ID, n.Kind)
}
