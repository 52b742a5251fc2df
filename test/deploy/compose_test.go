package deploy

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const root = "../../"

type compose struct {
	Name      string
	Safe      yaml.Node `yaml:"x-safe"`
	Consentry yaml.Node `yaml:"x-consentry"`
	Services  map[string]*service
	Networks  map[string]struct {
		Internal bool
		IPAM     struct {
			Config []struct{ Subnet string }
		}
	}
	Volumes map[string]struct{}
	Secrets map[string]struct{ File string }
}

type service struct {
	Image       string
	Build       struct{ Context, Target string }
	User        string
	Restart     string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	CapAdd      []string `yaml:"cap_add"`
	NetworkMode string   `yaml:"network_mode"`
	SecurityOpt []string `yaml:"security_opt"`
	Logging     struct {
		Driver  string
		Options map[string]string
	}
	Entrypoint  []string
	Command     []string
	Environment map[string]string
	Secrets     []string
	Volumes     []string
	Tmpfs       []string
	Networks    []string
	Ports       []string
	StopGrace   string                                `yaml:"stop_grace_period"`
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct {
		Test              []string
		Interval, Timeout string
		Retries           int
		StartPeriod       string `yaml:"start_period"`
	}
	Deploy struct {
		Resources struct {
			Limits struct{ CPUs, Memory string }
		}
	}
}

var interpolation = regexp.MustCompile(`\$\{([A-Z_]+)(?::([-?+])([^}]*))?\}`)

// example is the environment file that people begin with.
func example(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(read(t, "deploy/consentry.env.example")) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		require.True(t, ok, "%q is no assignment", line)
		values[name] = value
	}
	return values
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(b)
}

// load reads the compose file as Docker would with the example's environment.
func load(t *testing.T) *compose {
	t.Helper()
	return loadWith(t, nil)
}

// loadWith reads it with some values changed.
func loadWith(t *testing.T, change map[string]string) *compose {
	t.Helper()
	values := example(t)
	maps.Copy(values, change)
	text := interpolation.ReplaceAllStringFunc(read(t, "docker-compose.yml"), func(found string) string {
		part := interpolation.FindStringSubmatch(found)
		value := values[part[1]]
		switch {
		case value == "" && part[2] == "-", value != "" && part[2] == "+":
			return part[3]
		case part[2] == "+":
			return ""
		}
		require.NotEmpty(t, value, "%s has no value in deploy/consentry.env.example", part[1])
		return value
	})
	var c compose
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	require.NoError(t, d.Decode(&c))
	require.Contains(t, c.Services, "worker")
	return &c
}

func TestEveryVariableOfTheExampleIsUsed(t *testing.T) {
	used := map[string]bool{}
	for _, found := range interpolation.FindAllStringSubmatch(read(t, "docker-compose.yml"), -1) {
		used[found[1]] = true
	}
	for name := range example(t) {
		require.True(t, used[name], "%s of the example means nothing to docker-compose.yml", name)
	}
	require.Len(t, example(t), len(used), "the example names every variable")
}

// Without the file the compose file has no values, and every command of it ends
// with an error about the first that is missing.
func TestEveryComposeCommandOfTheDocumentsNamesTheEnvironmentFile(t *testing.T) {
	command := regexp.MustCompile(`docker compose [^` + "`" + `\n]*`)
	told := 0
	for _, folder := range []string{"docs", "deploy", "."} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, file fs.DirEntry, err error) error {
			if err != nil || file.IsDir() {
				if err == nil && folder == "." && path != filepath.Clean(root) {
					return fs.SkipDir
				}
				return err
			}
			content, err := os.ReadFile(path)
			for _, found := range command.FindAllString(string(content), -1) {
				told++
				require.True(t, strings.HasPrefix(found, "docker compose --env-file deploy/consentry.env "), "%s has %q", path, found)
			}
			return err
		}))
	}
	require.Greater(t, told, 5, "the documents say how it is run")
}

var pinned = regexp.MustCompile(`:v?[0-9]+\.[0-9]+(\.[0-9]+)?([-.][a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$`)

func TestEveryServiceIsPinnedUnprivilegedAndBounded(t *testing.T) {
	for name, s := range load(t).Services {
		if s.Build.Target == "" {
			require.Regexp(t, pinned, s.Image, name)
			require.True(t, unprivileged.MatchString(s.User) || handsOver(s), "%s runs as root", name)
		}
		require.True(t, s.ReadOnly, "%s can write to its image", name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt, name)
		require.NotEmpty(t, s.Restart, name)
		require.True(t, len(s.Networks) > 0 || s.NetworkMode == "none", "%s would join the default network", name)
		require.NotEmpty(t, s.Deploy.Resources.Limits.Memory, name)
		require.NotEmpty(t, s.Deploy.Resources.Limits.CPUs, name)
		require.NotEmpty(t, s.Logging.Options["max-size"], "%s can fill the disk with its log", name)
	}
}

var unprivileged = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)

// handsOver is a step that ends, reaches no network, and gives folders away: the
// one thing here that root is needed for.
func handsOver(s *service) bool {
	return s.Restart == "on-failure" && s.NetworkMode == "none" && s.Entrypoint[0] == "chown" && slices.Contains(s.CapAdd, "CHOWN")
}

// What the images hold that decides whether they start: the capability in the
// file of the program (caddy-docker's Dockerfile sets it with setcap), and the
// folders of volumes that belong to root. postgres gives its folder to 999.
var (
	fileCapability = map[string]string{"caddy": "NET_BIND_SERVICE"}
	rootsFolders   = map[string]string{"caddy": "/data"}
)

// execve(2) refuses a program whose file has a capability, effective, that the
// bounding set lacks (capabilities(7), "Safety checking for capability-dumb
// binaries"): root or not, whatever it listens on.
func TestAnImageStartsWithTheCapabilitiesItIsGiven(t *testing.T) {
	c := load(t)
	for name, s := range c.Services {
		image, _, _ := strings.Cut(s.Image, ":")
		var needed []string
		if handsOver(s) {
			needed = []string{"CHOWN"}
		} else if capability, ok := fileCapability[image]; ok {
			needed = []string{capability}
		}
		require.Equal(t, needed, s.CapAdd, "%s: what its image needs, and nothing else", name)
		folder, roots := rootsFolders[image]
		if !roots || handsOver(s) {
			continue
		}
		i := slices.IndexFunc(s.Volumes, func(v string) bool { return strings.HasSuffix(v, ":"+folder) })
		require.GreaterOrEqual(t, i, 0, "%s keeps nothing of %s", name, folder)
		given := false
		for other := range s.DependsOn {
			before := c.Services[other]
			given = given || handsOver(before) && before.Entrypoint[1] == s.User &&
				slices.Contains(before.Entrypoint, folder) && slices.Contains(before.Volumes, s.Volumes[i])
		}
		require.True(t, given, "%s cannot write to %s, which is root's", name, folder)
	}
}

func TestOnlyTheProxyIsReachedFromOutside(t *testing.T) {
	for name, s := range load(t).Services {
		for _, port := range s.Ports {
			require.True(t, name == "proxy" || strings.HasPrefix(port, "127.0.0.1:"), "%s publishes %s to everybody", name, port)
		}
	}
}

func TestWhatIsWaitedForSaysWhenItIsReady(t *testing.T) {
	c := load(t)
	for name, s := range c.Services {
		for other, on := range s.DependsOn {
			require.Contains(t, c.Services, other, name)
			switch on.Condition {
			case "service_healthy":
				require.NotEmpty(t, c.Services[other].Healthcheck.Test, "%s waits for the health of %s, which has no check", name, other)
				require.Equal(t, "CMD", c.Services[other].Healthcheck.Test[0], "%s: images without a shell know CMD only", other)
			case "service_completed_successfully":
				require.Equal(t, "on-failure", c.Services[other].Restart, "%s waits for the end of %s, which never ends", name, other)
			default:
				t.Errorf("%s waits for %s to have started only", name, other)
			}
			require.True(t, meet(s, c.Services[other]) || c.Services[other].NetworkMode == "none" || other == "worker", "%s waits for %s, and they share no network", name, other)
		}
	}
}

func meet(a, b *service) bool {
	for _, n := range a.Networks {
		if slices.Contains(b.Networks, n) {
			return true
		}
	}
	return false
}

func TestEverySecretIsAFile(t *testing.T) {
	c := load(t)
	used := map[string]bool{}
	for name, s := range c.Services {
		for variable, value := range s.Environment {
			if strings.HasSuffix(variable, "_FILE") {
				secret, ok := strings.CutPrefix(value, "/run/secrets/")
				require.True(t, ok, "%s of %s is no secret's file: %s", variable, name, value)
				require.Contains(t, s.Secrets, secret, "%s names a secret that it is not given", name)
				continue
			}
			require.NotRegexp(t, `PASSWORD|PWD|SECRET|TOKEN|PRIVATE|API_KEY`, variable, "%s of %s", variable, name)
			require.NotRegexp(t, `://[^/@]*:[^/@]*@`, value, "%s of %s holds a password", variable, name)
		}
		for _, secret := range s.Secrets {
			require.Contains(t, c.Secrets, secret, name)
			used[secret] = true
		}
	}
	for name, secret := range c.Secrets {
		require.True(t, used[name], "nobody uses the secret %s", name)
		require.Equal(t, "deploy/secrets/"+name, secret.File)
		require.Contains(t, read(t, "deploy/make-secrets"), name, "deploy/make-secrets neither makes nor asks for %s", name)
	}
	require.Equal(t, "*\n!.gitignore\n", read(t, "deploy/secrets/.gitignore"), "no secret can be committed")
}

func TestEveryFileNetworkAndVolumeIsThere(t *testing.T) {
	c := load(t)
	networks, volumes := map[string]bool{}, map[string]bool{}
	for name, s := range c.Services {
		for _, n := range s.Networks {
			require.Contains(t, c.Networks, n, name)
			networks[n] = true
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(from, "./") {
				require.Contains(t, c.Volumes, from, name)
				volumes[from] = true
				continue
			}
			_, err := os.Stat(filepath.Join(root, from))
			require.NoError(t, err, "%s mounts it", name)
			require.True(t, strings.HasSuffix(v, ":ro"), "%s may change %s", name, from)
		}
		for _, arg := range s.Entrypoint {
			if script, ok := strings.CutPrefix(arg, "/deploy/"); ok {
				require.FileExists(t, root+"deploy/temporal/"+script)
			}
		}
	}
	require.Len(t, networks, len(c.Networks))
	require.Len(t, volumes, len(c.Volumes))
}

// What the templates of the pinned images read: go.temporal.io/server v1.32.1,
// common/config/config_template_embedded.yaml and tools/sql/main.go;
// temporalio/ui-server v2.55.0, config/docker.yaml.
var temporals = map[string]string{
	"temporal":        "DB DB_PORT POSTGRES_SEEDS POSTGRES_USER NUM_HISTORY_SHARDS BIND_ON_IP DYNAMIC_CONFIG_FILE_PATH LOG_LEVEL",
	"temporal-schema": "SQL_PLUGIN SQL_HOST SQL_PORT SQL_USER SQL_DATABASE",
	"temporal-ui": "TEMPORAL_ADDRESS TEMPORAL_DEFAULT_NAMESPACE TEMPORAL_DISABLE_WRITE_ACTIONS TEMPORAL_DISABLE_NEWS_FETCH TEMPORAL_CORS_ORIGINS " +
		"TEMPORAL_CODEC_ENDPOINT TEMPORAL_CODEC_INCLUDE_CREDENTIALS TEMPORAL_CODEC_DEFAULT_ERROR_MESSAGE TEMPORAL_CODEC_DEFAULT_ERROR_LINK",
}

func TestTemporalsImagesKnowTheirVariables(t *testing.T) {
	c := load(t)
	for name, known := range temporals {
		for variable := range c.Services[name].Environment {
			require.Contains(t, strings.Fields(known), variable, name)
		}
	}
	for variable := range c.Services["temporal-namespace"].Environment {
		require.Contains(t, read(t, "deploy/temporal/namespace.sh"), "$"+variable)
	}
	require.Equal(t, "true", c.Services["temporal-ui"].Environment["TEMPORAL_DISABLE_WRITE_ACTIONS"])
	require.Equal(t, c.Services["worker"].Environment["TEMPORAL_NAMESPACE"], c.Services["temporal-namespace"].Environment["TEMPORAL_NAMESPACE"])
	require.Equal(t, c.Services["temporal-schema"].Image, c.Services["temporal-namespace"].Image)
	_, server, _ := strings.Cut(c.Services["temporal"].Image, ":")
	require.Equal(t, "temporalio/admin-tools:"+server, c.Services["temporal-schema"].Image, "the schema is the server's")
	require.Contains(t, read(t, "dev/temporal/go.mod"), "go.temporal.io/server v"+server+"\n", "the server of production is the one of the tests")
	_, ui, _ := strings.Cut(c.Services["temporal-ui"].Image, ":")
	require.Contains(t, read(t, "dev/temporal/go.mod"), "ui-server/v2 v"+ui+"\n")
	var dynamic map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy/temporal/dynamic.yaml")), &dynamic))
	require.Contains(t, dynamic, "limit.maxIDLength")
}

func TestTheProxyLeadsToTheAPI(t *testing.T) {
	c := load(t)
	proxy, api := c.Services["proxy"], c.Services["api"]
	caddy := read(t, "deploy/Caddyfile")
	require.Contains(t, caddy, "reverse_proxy api:"+port(api.Environment["CONSENTRY_LISTEN"])+" {")
	require.True(t, meet(proxy, api))
	require.Contains(t, caddy, "http_port "+port(proxy.Ports[0])+"\n")
	require.Contains(t, caddy, "https_port "+port(proxy.Ports[1])+"\n")
	require.Equal(t, []string{"80:" + port(proxy.Ports[0]), "443:" + port(proxy.Ports[1])}, proxy.Ports)
	require.Equal(t, c.Networks["edge"].IPAM.Config[0].Subnet, api.Environment["CONSENTRY_TRUSTED_PROXIES"], "the proxy's word about who asks is believed, and nobody else's")
	require.Equal(t, "https://"+proxy.Environment["CONSENTRY_HOST"], api.Environment["CONSENTRY_PUBLIC_URL"])
	require.Contains(t, caddy, "\n{$CONSENTRY_HOST} {")
	require.Contains(t, caddy, "health_uri /healthz\n", "an API that keeps decisions while Temporal is away is not ready, and gets them all the same")
	asked := proxy.Healthcheck.Test[len(proxy.Healthcheck.Test)-1]
	site, path, _ := strings.Cut(strings.TrimPrefix(asked, "http://"), "/")
	require.Contains(t, caddy, "\nhttp://"+site+" {")
	require.Contains(t, caddy, "respond /"+path+" 200")
}

func port(address string) string { return address[strings.LastIndex(address, ":")+1:] }
