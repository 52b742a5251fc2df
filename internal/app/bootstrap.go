package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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

// Bootstrap runs the command with its arguments; the configuration is the API's.
func Bootstrap(ctx context.Context, args []string, out io.Writer) error {
	var b bootstrap
	parser, err := kong.New(&b, kong.Name("consentry-api bootstrap"), kong.Vars{"metrics_listen": ""}, kong.Description("Lets the first operator in. The configuration is that of the API."))
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	parser.FatalIfErrorf(err)
	return b.run(ctx, out)
}

func (b *bootstrap) run(ctx context.Context, out io.Writer) (err error) {
	if b.Token == (b.Issuer+b.Subject+b.Name != "") || (!b.Token && (b.Subject == "" || b.Name == "")) {
		return errors.New("give --subject and --name, or --token alone")
	}
	if !b.Token && b.ConsoleIssuer == "" {
		return errors.New("--console-issuer (CONSENTRY_CONSOLE_ISSUER) is missing: give that of the API, because nobody signs in with another")
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
