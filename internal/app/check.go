package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"consentry/internal/keys"
	"consentry/internal/store"
)

// Check reports everything that is wrong at once, naming the setting and the
// remedy and never a secret's value. (Kong would call a Validate by itself.)
func (c *Config) Check() error {
	f := &faults{}
	c.collect(f)
	return f.err()
}

var (
	clouds = []string{"global", "usgov", "usgov-dod", "china", "custom"}
	levels = []string{"debug", "info", "warn", "error"}
)

func (c *Config) collect(f *faults) {
	value := reflect.ValueOf(c).Elem()
	for _, s := range settings() {
		if s.required && value.FieldByIndex(s.field).IsZero() {
			f.add(Fault{Flag: s.flag, Wrong: missing, Remedy: strings.TrimSuffix(strings.TrimSuffix(s.help, " Required."), ".")})
		}
	}
	c.checkWhere(f)
	c.checkFiles(f)

	checkAddress(f, "public-url", c.PublicURL, false)
	checkAddress(f, "console-issuer", c.ConsoleIssuer, true)
	checkAddress(f, "temporal-ui", c.TemporalUI, false)
	c.checkDoor(f)
	checkListen(f, "listen", c.Listen)
	checkListen(f, "metrics-listen", c.MetricsListen)
	if sameDoor(c.Listen, c.MetricsListen) {
		f.add(Fault{Flag: "metrics-listen", Value: c.MetricsListen, Wrong: "has the port of --listen on the same address", Remedy: "give it a port of its own, which the internet does not reach"})
	}
	checkListen(f, "temporal-address", c.TemporalAddress)
	if u, err := url.Parse(c.PublicURL); err == nil && c.Cloud != "custom" && u.Scheme == "http" && !loopback(u.Hostname()) {
		f.add(Fault{Flag: "public-url", Value: shown(c.PublicURL), Wrong: "is not https", Remedy: "Microsoft sends browsers back to https addresses only: put a reverse proxy with a certificate before the console"})
	}

	c.checkRoot(f)

	oneOf(f, "cloud", c.Cloud, clouds)
	oneOf(f, "log-level", c.LogLevel, levels)
	oneOf(f, "log-format", c.LogFormat, []string{FormatJSON, FormatHuman})
	custom := []struct{ flag, value string }{{"authority", c.Authority}, {"graph-url", c.GraphURL}, {"browser-authority", c.BrowserAuthority}}
	for i, one := range custom {
		switch {
		case c.Cloud != "custom" && one.value != "":
			f.add(Fault{Flag: one.flag, Value: shown(one.value), Wrong: "goes with --cloud=custom only", Remedy: "leave it out, or choose custom"})
		case c.Cloud == "custom" && one.value == "" && i < 2:
			f.add(Fault{Flag: one.flag, Wrong: missing, Remedy: "--cloud=custom needs the address"})
		case c.Cloud == "custom":
			checkAddress(f, one.flag, one.value, i < 2)
		}
	}

	if len(c.Regions) == 0 || slices.Contains(c.Regions, "") {
		f.add(Fault{Flag: "regions", Value: strings.Join(c.Regions, ","), Wrong: "names no region, or an empty one", Remedy: "name at least one, separated by commas"})
	}
	if slices.ContainsFunc(c.Regions, blank) {
		f.add(Fault{Flag: "regions", Value: strings.Join(c.Regions, ","), Wrong: "has a blank in it", Remedy: "name regions without blanks, separated by commas alone"})
	}
	c.checkProxies(f)
	atLeast(f, "sweep-every", c.SweepEvery, time.Second)
	atLeast(f, "deletion-wait", c.DeletionWait, time.Second)
	atLeast(f, "evidence-for", c.EvidenceFor, time.Second)
	atLeast(f, "payload-key-period", c.PayloadKeyPeriod, time.Hour)
	atLeast(f, "drain", c.Drain, 0)
	atLeast(f, "stop-within", c.StopWithin, 0)
}

// checkRoot: the console and the API's paths begin at the root of their host.
func (c *Config) checkRoot(f *faults) {
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" && strings.Trim(u.Path, "/") != "" {
		f.add(Fault{Flag: "public-url", Value: shown(c.PublicURL), Wrong: "has a path", Remedy: "the console has the whole host: give https://host"})
	}
}

// checkDoor: cookies keep the console and the Temporal UI apart, and a browser
// tells cookies apart by the name of the host, not by its port.
func (c *Config) checkDoor(f *faults) {
	before := len(f.all)
	checkAddress(f, "temporal-door", c.TemporalDoor, false)
	door, err := url.Parse(c.TemporalDoor)
	public, perr := url.Parse(c.PublicURL)
	if c.TemporalDoor == "" || len(f.all) > before || err != nil || perr != nil {
		return
	}
	wrong := func(what, remedy string) {
		f.add(Fault{Flag: "temporal-door", Value: shown(c.TemporalDoor), Wrong: what, Remedy: remedy})
	}
	switch {
	case strings.EqualFold(door.Hostname(), public.Hostname()):
		wrong("has the host name of --public-url", "give the Temporal UI a name of its own, such as https://temporal.example.com")
	case door.Scheme != public.Scheme:
		wrong("is not "+public.Scheme+", as --public-url is", "give both by the same kind of address")
	case strings.Trim(door.Path, "/") != "":
		wrong("has a path", "the Temporal UI has the whole host: give https://host")
	}
}

// checkWhere looks at where the database is said to be; whether it answers is
// found out by opening it.
func (c *Config) checkWhere(f *faults) {
	if err := c.checkDatabase(); err != nil {
		wrong, remedy, _ := strings.Cut(strings.TrimPrefix(err.Error(), "--database "), ": ")
		f.add(Fault{Flag: "database", Wrong: wrong, Remedy: remedy})
		return
	}
	if c.Database == "" {
		return
	}
	if wrong, ok := errors.AsType[*store.Unusable](store.Usable(c.Database)); ok {
		fault := Fault{Flag: "database", Wrong: wrong.Wrong, Remedy: wrong.Remedy}
		if wrong.IsPath {
			fault.Value = c.Database
		}
		f.add(fault)
	}
}

// checkFiles reads every file that is named and looks whether its content can
// be what it should be.
func (c *Config) checkFiles(f *faults) {
	holds := func(content []byte) error {
		if strings.TrimSpace(string(content)) == "" {
			return fmt.Errorf("names an empty file")
		}
		return nil
	}
	for _, one := range []struct {
		flag, path, remedy string
		check              func([]byte) error
	}{
		{"database-file", c.DatabaseFile, "write the database's URL into it, with its password, on one line; nothing of the content is shown", holdsDatabase},
		{"console-secret-file", c.ConsoleSecretFile, "write the console's client secret into it", holds},
		{"key-file", c.KeyFile, "write the sealing key's URL into it, on one line; what is sealed with one key opens with that key only", func(content []byte) error {
			k, err := keys.Open(context.Background(), strings.TrimSpace(string(content))) //nolint:forbidigo // opens no connection that could hang
			if err != nil {
				return fmt.Errorf("names a file that is no key: %w", err)
			}
			return k.Close()
		}},
		{"ca-file", c.CAFile, "give certificates in PEM, each between BEGIN CERTIFICATE and END CERTIFICATE", func(content []byte) error {
			if !x509.NewCertPool().AppendCertsFromPEM(content) {
				return fmt.Errorf("names a file without a certificate")
			}
			return nil
		}},
	} {
		if one.path == "" {
			continue
		}
		secret := slices.ContainsFunc(settings(), func(s setting) bool { return s.flag == one.flag && s.secret })
		content, err := readable(one.path)
		fault := Fault{Flag: one.flag, Value: one.path, Remedy: "give a file that this process may read"}
		if err == nil {
			if secret {
				f.hide(string(content))
			}
			err, fault.Remedy = one.check(content), one.remedy
		} else if secret {
			fault.Value = ""
			fault.Remedy += "; what was given is not shown, in case it is the secret itself"
		}
		if err != nil {
			fault.Wrong = err.Error()
			f.add(fault)
		}
	}
}

func checkAddress(f *faults, flag, value string, https bool) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	if err == nil && (u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		f.add(Fault{Flag: flag, Value: shown(value), Wrong: "has more in it than an address", Remedy: "leave out user, password and everything from ? or # on"})
		return
	}
	if err != nil || u.Host == "" || (u.Scheme != "https" && (https || u.Scheme != "http")) {
		remedy := "give a full address such as https://host"
		if https {
			remedy = "give a full https address such as https://host"
		}
		f.add(Fault{Flag: flag, Value: shown(value), Wrong: "is no such address", Remedy: remedy})
	}
}

func checkListen(f *faults, flag, value string) {
	if value == "" {
		return
	}
	_, port, err := net.SplitHostPort(value)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		f.add(Fault{Flag: flag, Value: value, Wrong: "is no host with a port", Remedy: "give HOST:PORT, such as 127.0.0.1:8080"})
	}
}

// sameDoor tells whether two listeners would get in each other's way: no host,
// 0.0.0.0 and :: stand for every address of the machine.
func sameDoor(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	nA, badA := strconv.Atoi(portA)
	nB, badB := strconv.Atoi(portB)
	if errors.Join(errA, errB, badA, badB) != nil || nA != nB || nA == 0 { // port 0 is any that is free
		return false
	}
	every := func(host string) bool { return host == "" || net.ParseIP(host).IsUnspecified() }
	ipA, ipB := net.ParseIP(hostA), net.ParseIP(hostB)
	named := ipA == nil && loopback(hostA) && loopback(hostB) || ipB == nil && loopback(hostA) && loopback(hostB) // localhost
	return every(hostA) || every(hostB) || strings.EqualFold(hostA, hostB) || ipA != nil && ipA.Equal(ipB) || named
}

// checkProxies names every network that is wrong, not the first alone.
func (c *Config) checkProxies(f *faults) {
	for _, text := range c.TrustedProxies {
		fault := Fault{Flag: "trusted-proxies", Env: envOf("trusted-proxies"), Value: text}
		_, network, err := net.ParseCIDR(text)
		switch {
		case err != nil:
			fault.Wrong, fault.Remedy = "is no network", "give networks such as 10.0.0.0/8, and a single machine as 10.0.0.7/32"
		case wide(network):
			fault.Wrong, fault.Remedy = "is everybody, or a part of everybody, who could then say in X-Forwarded-For who he is", "name the network of the reverse proxies alone; none is wider than 10.0.0.0/8 or fc00::/7"
		default:
			continue
		}
		f.all = append(f.all, fault)
	}
}

// wide reports whether a network is wider than any that can be somebody's own
// (RFC 1918, RFC 4193): two halves are everybody as the whole is.
func wide(network *net.IPNet) bool {
	ones, bits := network.Mask.Size()
	switch {
	case bits == 32:
		return ones < 8
	case network.IP.To4() != nil: // IPv4 written as IPv6, which counts as IPv4
		return ones < 96+8
	}
	return ones < 7
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func oneOf(f *faults, flag, value string, known []string) {
	if !slices.Contains(known, value) {
		f.add(Fault{Flag: flag, Value: value, Wrong: "is not known", Remedy: "choose " + strings.Join(known, ", ")})
	}
}

func atLeast(f *faults, flag string, value, least time.Duration) {
	if value < least {
		f.add(Fault{Flag: flag, Value: value.String(), Wrong: "is too short", Remedy: "give at least " + least.String()})
	}
}
