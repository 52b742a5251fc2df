package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"consentry/internal/domain"
	"consentry/internal/mirror"
	"consentry/internal/service"
	"consentry/internal/store"
)

// bootstrap lets the first operator in, on the database and nothing else: before
// it nobody can sign in or hold a token.
type bootstrap struct {
	Config
	Issuer  string `placeholder:"URL" help:"Issuer of the first operator's identity; the console's (--console-issuer) is the one that opens anything, and is meant without this."`
	Subject string `help:"Subject of the identity; for Entra tenant id/object id."`
	Name    string `help:"What the person is called here."`
	Token   bool   `help:"Print an operator's token that works for an hour, instead."`
	Recover bool   `help:"There are operators, and none of them can sign in any more."`
}

// Bootstrap runs the command with its arguments and returns the exit code; the
// configuration is the API's.
func Bootstrap(ctx context.Context, args []string, out, errs io.Writer) int {
	b, err := parseBootstrap(args, out)
	if err == nil && b != nil {
		err = b.run(ctx, out)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(errs, "consentry-api bootstrap:", err)
	if _, mistake := errors.AsType[*ConfigError](err); mistake || domain.KindOf(err) == domain.Invalid {
		return exitMistake
	}
	return exitFailed
}

// parseBootstrap reads flags and environment as the programs do, with everything
// that is wrong at once; nil without an error: --help has said everything.
func parseBootstrap(args []string, out io.Writer) (*bootstrap, error) {
	b, faults, done := &bootstrap{}, &faults{}, false
	k, err := kong.New(b, append(patient(faults), kong.Name("consentry-api bootstrap"), kong.Vars{"metrics_listen": ""}, kong.Writers(out, out),
		kong.Description("Lets the first operator in. The configuration is that of the API."), kong.Exit(func(int) { done = true }))...)
	if err != nil {
		return nil, err
	}
	_, err = k.Parse(knownOnly(k, args, faults))
	if done {
		return nil, nil
	}
	if err != nil {
		faults.add(Fault{Wrong: "the command line cannot be read: " + err.Error(), Remedy: "--help shows what it may say"})
		return nil, faults.err()
	}
	b.collect(faults)
	faults.suggestOwn(os.Environ())
	return b, faults.err()
}

// collect notes what is wrong with what this command needs of the configuration,
// and with its own flags.
func (b *bootstrap) collect(f *faults) {
	const either = "give --subject and --name, or --token alone"
	if b.Database+b.DatabaseFile == "" {
		f.add(Fault{Flag: "database", Wrong: missing, Remedy: "give the API's, or --database-file"})
	}
	b.checkWhere(f)
	if b.DatabaseFile != "" {
		(&Config{DatabaseFile: b.DatabaseFile}).checkFiles(f)
	}
	checkAddress(f, "console-issuer", b.ConsoleIssuer, true)
	oneOf(f, "log-level", b.LogLevel, levels)
	oneOf(f, "log-format", b.LogFormat, []string{FormatJSON, FormatHuman})
	person := b.Issuer+b.Subject+b.Name != ""
	switch {
	case b.Token && person:
		f.add(Fault{Flag: "token", Wrong: "is given beside an identity", Remedy: either})
	case b.Token:
		return
	case !person:
		f.add(Fault{Wrong: "nobody is named who is to be let in", Remedy: either})
	case b.Subject == "":
		f.add(Fault{Flag: "subject", Wrong: missing, Remedy: either})
	}
	if person && b.Name == "" && !b.Token {
		f.add(Fault{Flag: "name", Wrong: missing, Remedy: either})
	}
	switch {
	case b.ConsoleIssuer == "":
		f.add(Fault{Flag: "console-issuer", Wrong: missing, Remedy: "give that of the API, because nobody signs in with another"})
	case b.Issuer != "" && b.Issuer != b.ConsoleIssuer:
		f.add(Fault{Flag: "issuer", Value: shown(b.Issuer), Wrong: "is not the console's", Remedy: "leave it out, or give " + shown(b.ConsoleIssuer) + ", because nobody signs in with another"})
	}
}

func (b *bootstrap) run(ctx context.Context, out io.Writer) (err error) {
	wrong := &faults{}
	b.collect(wrong)
	if err := wrong.err(); err != nil {
		return err
	}
	log, err := NewLogger(b.LogLevel, b.LogFormat, "stderr")
	if err != nil {
		return err
	}
	database, err := b.database()
	if err != nil {
		return err
	}
	rows, err := store.Open(ctx, database, mirror.On)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	s := service.New(service.Deps{Store: rows, Now: time.Now, Log: log.Named("service"), Served: service.Served{Issuer: b.ConsoleIssuer}})
	if b.Token {
		issued, err := s.FirstToken(ctx, b.Recover)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out, issued.Value)
		return err
	}
	a, err := s.FirstOperator(ctx, service.PersonOrder{Issuer: cmp.Or(b.Issuer, b.ConsoleIssuer), Subject: b.Subject, Name: b.Name, Role: domain.RoleOperator}, b.Recover)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s (%s) is an operator and can sign in at %s\n", a.Person.Name, a.Person.ID, b.PublicURL)
	return err
}
