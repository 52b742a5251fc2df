// Command consentry is the operator's command line. It is a client of the API
// and knows nothing else of the product: whatever it can do, a script can do by
// the same addresses with a bearer token.
//
// Answers go to standard output, everything that is said beside them to standard
// error, and the exit code tells a script what to do next; docs/command-line.md
// lists commands and codes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"

	"consentry/internal/build"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// commandLine is every command; docs/command-line.md is held equal to it.
type commandLine struct {
	connection
	JSON    bool             `name:"json" help:"Answer with one JSON document on standard output; refusals as JSON on standard error."`
	Quiet   bool             `short:"q" help:"Say nothing beside the answer, and of a change only the id."`
	Version kong.VersionFlag `help:"Print the version and the commit of this program, and nothing else."`

	Explain     explainCommand     `cmd:"" help:"Say in one sentence why an integration is where it is, what happens next and when, and who can act; then the facts."`
	Migrate     migrateCommand     `cmd:"" help:"Start the migration of an integration; one that is open is the answer."`
	Extend      extendCommand      `cmd:"" help:"Give the open migration of an integration, or all of an account, a later date than the campaign's (operators)."`
	Cancel      cancelCommand      `cmd:"" help:"Cancel the open migration of an integration; possible until the switch begins."`
	RollBack    rollBackCommand    `cmd:"" name:"roll-back" help:"Put a migrated integration back on its old app while the way back is open (role approve of the account, or an operator)."`
	Synchronize synchronizeCommand `cmd:"" help:"Synchronize an integration now, outside its schedule."`
	Integration integrationGroup   `cmd:"" help:"Directory synchronizations."`
	Connector   connectorGroup     `cmd:"" help:"Consented links to tenants."`
	Account     accountGroup       `cmd:"" help:"Customers: look at them, let them leave."`
	Import      importCommand      `cmd:"" help:"Take in accounts, people, integrations and campaigns from a JSON file, whole or not at all (operators)."`
	Campaign    campaignGroup      `cmd:"" help:"Start a campaign, look at it, change it (operators)."`
	Rotate      rotateCommand      `cmd:"" help:"Replace the certificate of a cell now, outside its schedule (operators)."`
	Cell        cellGroup          `cmd:"" help:"The vendor's app registrations (operators)."`
	Tenant      tenantGroup        `cmd:"" help:"Tenants that several accounts read (operators)."`
	PayloadKey  payloadKeyGroup    `cmd:"" name:"payload-key" help:"What payloads at Temporal are encrypted with (operators)."`
	People      peopleGroup        `cmd:"" help:"Who holds which role; invitations."`
	Token       tokenGroup         `cmd:"" help:"Bearer tokens of machines."`
	Status      statusCommand      `cmd:"" help:"Which processes run, with which build, and what does not fit, with the remedy (operators); exit code 1 when something does not."`
	Whoami      whoamiCommand      `cmd:"" help:"Say who this token is and what it may do."`
	Get         getCommand         `cmd:"" help:"Read any address of the API, as JSON: decisions, runs, notices, whatever has no command of its own."`
}

// env is what a command works with.
type env struct {
	ctx  context.Context
	api  *client
	in   io.Reader
	out  *printer
	line *commandLine
}

// stopParsing carries kong's wish to end, after it printed help.
type stopParsing struct{ code int }

func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) (code int) {
	var line commandLine
	defer func() {
		switch ended := recover().(type) {
		case nil:
		case stopParsing:
			code = ended.code
		default:
			panic(ended)
		}
	}()
	parser, err := newParser(&line, out, errs)
	if err != nil {
		panic(err) // the model of the commands is wrong; every test would meet it
	}
	parsed, err := parser.Parse(args)
	answer := &checked{Writer: out}
	p := &printer{out: answer, errs: errs, json: line.JSON || wantsJSON(args), quiet: line.Quiet, progress: isTerminal(errs)}
	if err != nil {
		return p.failed(unparsed(err))
	}
	var api *client
	if err = sensible(parsed); err == nil {
		api, err = line.connect()
	}
	if err == nil {
		err = parsed.Run(&env{ctx: ctx, api: api, in: in, out: p, line: &line})
		api.remark(p.note)
	}
	if f, ok := errors.AsType[*failure](err); (err == nil || (ok && f.said)) && answer.err != nil {
		err = &failure{exit: exitFault, code: "output", sentence: "It is done, and the answer cannot be written: " + answer.err.Error() + "."}
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = &failure{exit: exitInterrupted, code: "interrupted", sentence: "Stopped. What had been sent may have been done; look before you repeat it."}
	}
	if err != nil {
		return p.failed(err)
	}
	return exitDone
}

func newParser(line *commandLine, out, errs io.Writer) (*kong.Kong, error) {
	version, revision := build.Name()
	return kong.New(line, kong.Vars{"version": "consentry " + version + " (" + revision + ")"}, kong.Name("consentry"), kong.Description(description()),
		kong.NamedMapper("id", kong.MapperFunc(identifier)),
		kong.Writers(out, errs), kong.Exit(func(code int) { panic(stopParsing{code}) }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
}

func description() string {
	var codes []string
	for _, e := range exits {
		codes = append(codes, fmt.Sprintf("%d %s", e.code, e.text))
	}
	return "Runs Consentry from a shell, through its API. Times without a zone are UTC. Exit codes: " + strings.Join(codes, "; ") + "."
}

// isTerminal reports whether somebody looks on; only then lines are rewritten.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	return isatty.IsTerminal(f.Fd()) // /dev/null is a character device, too, and nobody sits there
}
