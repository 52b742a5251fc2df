package app

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"consentry/internal/build"
)

// commandLine is what both programs understand.
type commandLine struct {
	Run struct {
		Config `embed:""`
	} `cmd:"" default:"withargs" help:"Run until SIGTERM or Ctrl-C; this is what happens without a command."`
	Check struct {
		Config `embed:""`
	} `cmd:"" help:"Say everything that is wrong with the configuration, and exit. Nothing is contacted."`
	Health struct {
		MetricsListen string `name:"metrics-listen" env:"CONSENTRY_METRICS_LISTEN" default:"${metrics_listen}" placeholder:"HOST:PORT" help:"Where the running process was told to show its health."`
	} `cmd:"" help:"Ask the running process whether it is ready; exit code 0 means yes."`

	Version kong.VersionFlag `help:"Print the version and the commit of this program, and nothing else."`

	command string
	done    bool // --help or --version has said everything
}

// parse reads flags and environment. What is wrong with them is collected, not
// reported one after another: the answer is a *ConfigError with all of it.
func parse(p Program, args []string, out io.Writer) (*commandLine, error) {
	line := &commandLine{}
	faults := &faults{}
	version, revision := build.Name()
	k, err := kong.New(line, append(patient(faults), kong.Name(p.Name), kong.Vars{"metrics_listen": p.Internals, "version": p.Name + " " + version + " (" + revision + ")"}, kong.Writers(out, out),
		kong.Description(p.Description+" Temporal is found by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the other settings of Temporal's SDK; see docs/operations.md."),
		kong.Exit(func(int) { line.done = true }), // --help or --version has said everything
	)...)
	if err != nil {
		return nil, err
	}
	parsed, err := k.Parse(knownOnly(k, args, faults))
	if line.done {
		return line, nil
	}
	if err != nil {
		faults.add(Fault{Wrong: "the command line cannot be read: " + err.Error(), Remedy: "--help shows what it may say"})
		return nil, faults.err()
	}
	line.command = parsed.Selected().Name
	if line.command == "health" {
		return line, faults.err()
	}
	if line.command == "check" {
		line.Run.Config = line.Check.Config
	}
	line.Run.Config.collect(faults)
	checkTemporal(faults, os.LookupEnv)
	checkTraces(faults, os.Getenv)
	faults.suggestOwn(os.Environ())
	faults.suggest(os.Environ(), "TEMPORAL_", temporalVariables)
	return line, faults.err()
}

// patient has values that cannot be read noted instead of ending the parse.
func patient(into *faults) []kong.Option {
	return []kong.Option{
		kong.TypeMapper(reflect.TypeFor[time.Duration](), lenient(into, time.ParseDuration, "give a duration such as 30s, 5m or 1h")),
		kong.TypeMapper(reflect.TypeFor[int](), lenient(into, strconv.Atoi, "give a whole number")),
		kong.TypeMapper(reflect.TypeFor[bool](), lenientBool{lenient(into, strconv.ParseBool, "give true or false, or the flag alone")}),
	}
}

// lenient reads a value and notes what cannot be read instead of ending the
// parse: a process that is told one mistake per start is mended slowly.
func lenient[T any](into *faults, read func(string) (T, error), remedy string) kong.MapperFunc {
	return func(ctx *kong.DecodeContext, target reflect.Value) error {
		t, err := ctx.Scan.PopValue("value")
		if err != nil {
			return err
		}
		value := strings.TrimSpace(fmt.Sprint(t.Value))
		got, err := read(value)
		if err != nil {
			fault := Fault{Flag: ctx.Value.Name, Value: value, Wrong: "cannot be read", Remedy: remedy}
			if target.Kind() == reflect.Bool { // a flag that takes no value may have been given a secret, such as --token=…
				fault.Value, fault.Wrong = "", "has a value that cannot be read"
			}
			into.add(fault)
			return nil
		}
		target.Set(reflect.ValueOf(got).Convert(target.Type()))
		return nil
	}
}

// lenientBool keeps that --flag alone means yes.
type lenientBool struct{ kong.MapperFunc }

// IsBool implements kong.BoolMapper.
func (lenientBool) IsBool() bool { return true }

// Decode implements kong.Mapper.
func (b lenientBool) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	if ctx.Scan.Peek().Type != kong.FlagValueToken { // --flag=no alone has a value; what follows is something else
		target.SetBool(true)
		return nil
	}
	return b.MapperFunc(ctx, target)
}

// knownOnly notes the arguments that mean nothing and gives the others, so that
// one mistyped flag does not hide what else is wrong.
func knownOnly(k *kong.Kong, args []string, into *faults) []string {
	takesValue := map[string]bool{"help": false}
	var commands []string
	for _, f := range k.Model.Flags {
		takesValue[f.Name] = !f.IsBool()
	}
	for _, c := range k.Model.Children {
		commands = append(commands, c.Name)
		for _, f := range c.Flags {
			takesValue[f.Name] = !f.IsBool()
		}
	}
	var known []string
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "--")
		name, _, whole := strings.Cut(name, "=")
		hasNext := i+1 < len(args) && !strings.HasPrefix(args[i+1], "-")
		needs, ok := takesValue[name]
		switch {
		case args[i] == "-h", i == 0 && slices.Contains(commands, args[i]), isFlag && ok && (whole || !needs):
			known = append(known, args[i])
		case isFlag && ok && hasNext:
			known = append(known, args[i], args[i+1])
			i++
		case isFlag && ok:
			into.add(Fault{Flag: name, Wrong: "has no value", Remedy: "write --" + name + "=VALUE"})
		case isFlag:
			into.add(Fault{Wrong: "no flag is called --" + name, Remedy: "--help lists the flags" + near("--"+name, takesValue)})
			if hasNext && !whole {
				i++
			}
		default:
			into.add(Fault{Wrong: fmt.Sprintf("the argument %d means nothing", i+1), Remedy: "--help shows what it may be; it is not repeated here, in case it is a secret"})
		}
	}
	return known
}

// near names the flag that was probably meant.
func near(flag string, known map[string]bool) string {
	best, least := "", 3 // more than two slips of the finger make another word
	for name := range known {
		if d := slips("--"+name, flag); d < least || d == least && name < best {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return "; --" + best + " perhaps"
}

// slips is the edit distance of two short words.
func slips(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
