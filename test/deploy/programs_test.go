package deploy

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/app"
)

var programs = map[string]func() app.Program{"worker": app.WorkerProgram, "api": app.APIProgram}

// answer is what the program says to args.
func answer(t *testing.T, p app.Program, args ...string) (code int, text string) {
	t.Helper()
	var both bytes.Buffer
	code = app.Main(t.Context(), p, args, &both, &both)
	return code, both.String()
}

// madeSecrets runs deploy/make-secrets on a copy of the folder.
func madeSecrets(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	script := filepath.Join(dir, "make-secrets")
	require.NoError(t, os.WriteFile(script, []byte(read(t, "deploy/make-secrets")), 0o700))
	for range 2 { // what was made stays
		out, err := exec.CommandContext(t.Context(), "sh", script).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "console-secret")
	}
	secret := filepath.Join(dir, "secrets", "console-secret")
	require.NoError(t, os.WriteFile(secret, []byte("from the identity provider\n"), 0o600))
	made, err := os.Stat(secret)
	require.NoError(t, err)
	require.EqualValues(t, 0o644, made.Mode().Perm(), "the containers' user reads it, whatever the umask of who wrote it")
	return filepath.Join(dir, "secrets")
}

// The program itself reads the environment that the compose file gives it: what
// it does not know, or misses, it says.
func TestTheProgramsTakeTheEnvironmentOfTheComposeFile(t *testing.T) {
	secrets := madeSecrets(t)
	for host, c := range map[string]*compose{"without a host for the UI": load(t), "with one": loadWith(t, withTemporalHost)} {
		t.Run(host, func(t *testing.T) { takesEnvironment(t, c, secrets) })
	}
}

func takesEnvironment(t *testing.T, c *compose, secrets string) {
	t.Helper()
	for name, program := range programs {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CONFIG_HOME", t.TempDir())
			s := c.Services[name]
			_, help := answer(t, program(), "run", "--help")
			for variable, value := range s.Environment {
				if strings.HasPrefix(variable, "CONSENTRY_") {
					require.Contains(t, help, "$"+variable, "%s does not know it", name)
				} else {
					require.Contains(t, []string{"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_CONFIG_FILE", "OTEL_EXPORTER_OTLP_ENDPOINT"}, variable)
				}
				t.Setenv(variable, strings.Replace(value, "/run/secrets", secrets, 1))
			}
			require.Equal(t, "run", s.Command[0])
			code, said := answer(t, program(), append([]string{"check"}, s.Command[1:]...)...)
			require.Zero(t, code, said)

			within, err := time.ParseDuration(s.Environment["CONSENTRY_STOP_WITHIN"])
			require.NoError(t, err)
			drain, _ := time.ParseDuration(s.Environment["CONSENTRY_DRAIN"])
			grace, err := time.ParseDuration(s.StopGrace)
			require.NoError(t, err)
			require.Greater(t, grace, within+drain, "%s would be killed before it has stopped", name)
		})
	}
}

var step = regexp.MustCompile(`^([A-Z]+) (.*)$`)

// stage is a part of the Dockerfile; Dockerfiles are read line by line, because
// ours continues none.
type stage struct {
	name, from string
	steps      [][2]string
}

func dockerfile(t *testing.T) []*stage {
	t.Helper()
	var all []*stage
	for line := range strings.Lines(read(t, "Dockerfile")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		require.False(t, strings.HasSuffix(line, `\`), "a continued line would not be read here")
		part := step.FindStringSubmatch(line)
		require.NotNil(t, part, line)
		if part[1] == "FROM" {
			words := strings.Fields(part[2])
			require.Len(t, words, 3, "every stage has a name: %s", line)
			all = append(all, &stage{from: words[0], name: words[2]})
			continue
		}
		require.NotEmpty(t, all, "%s stands before FROM", line)
		last := all[len(all)-1]
		last.steps = append(last.steps, [2]string{part[1], part[2]})
	}
	return all
}

func list(text string) []string {
	var words []string
	for w := range strings.SplitSeq(strings.Trim(text, "[]"), ",") {
		words = append(words, strings.Trim(strings.TrimSpace(w), `"`))
	}
	return words
}

func TestTheImagesHoldTheProgramsAndNothingElse(t *testing.T) {
	c := load(t)
	stages := map[string]*stage{}
	built := map[string]bool{}
	for _, s := range dockerfile(t) {
		own := stages[s.from] != nil
		if !own && s.from != "gcr.io/distroless/static-debian12:nonroot" { // its tags name the release, not a version
			require.Regexp(t, pinned, s.from)
		}
		stages[s.name] = s
		for _, one := range s.steps {
			if m := regexp.MustCompile(`go build .* -o (\S+) (\S+)$`).FindStringSubmatch(one[1]); m != nil {
				require.FileExists(t, filepath.Join(root, m[2], "main.go"))
				built[m[1]] = true
			}
			require.NotContains(t, []string{"ADD", "ARG"}, one[0], "%s can bring in what no test sees", one[0])
		}
	}
	for name, program := range programs {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, name, c.Services[name].Build.Target)
			s := stages[name]
			require.NotNil(t, s)
			require.Contains(t, s.lineage(stages), "USER 65532:65532")
			var binary string
			for _, one := range s.steps {
				switch one[0] {
				case "COPY":
					words := strings.Fields(one[1])
					require.Equal(t, "--from=build", words[0], "an image holds what was built, not what lies in the folder")
					require.True(t, built[words[1]], "%s is built nowhere", words[1])
					binary = words[2]
				case "ENTRYPOINT":
					require.Equal(t, []string{binary}, list(one[1]))
				case "HEALTHCHECK":
					_, command, _ := strings.Cut(one[1], "CMD ")
					asked := list(command)
					require.Equal(t, asked, c.Services[name].Healthcheck.Test[1:])
					require.Equal(t, binary, asked[0])
					require.Equal(t, "/"+program().Name, binary)
					code, help := answer(t, program(), append(slices.Clone(asked[1:]), "--help")...)
					require.Zero(t, code, help)
					require.Contains(t, help, fmt.Sprintf("Usage: %s %s ", program().Name, asked[1]))
				}
			}
			require.NotEmpty(t, binary)
		})
	}
	require.Contains(t, stages["build"].from, "golang:1.26.8-")
	line := stages["consentry"] // the command line: no service, so nothing asks for its health
	require.NotNil(t, line)
	require.True(t, built["/out/consentry"])
	require.Equal(t, [][2]string{{"COPY", "--from=build /out/consentry /consentry"}, {"ENTRYPOINT", `["/consentry"]`}}, line.steps)
	require.Contains(t, line.lineage(stages), "USER 65532:65532")
}

func (s *stage) lineage(all map[string]*stage) string {
	var b strings.Builder
	for ; s != nil; s = all[s.from] {
		for _, one := range s.steps {
			b.WriteString(one[0] + " " + one[1] + "\n")
		}
	}
	return b.String()
}

// What is sent to the builder is a list of folders: secrets cannot be in it, and
// what the programs are made of must be.
func TestTheBuilderGetsTheSourcesAndNoSecret(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(read(t, ".dockerignore")), "\n")
	require.Equal(t, "*", lines[1], "everything is left out that is not named")
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{end}}{{end}}", "./worker", "./api", "./starter")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	for path := range strings.FieldsSeq(string(out)) {
		folder, _, _ := strings.Cut(strings.TrimPrefix(path, "consentry/"), "/")
		require.Contains(t, lines, "!"+folder, "%s is part of a program", path)
	}
	require.NotContains(t, read(t, ".dockerignore"), "!deploy")
}
