package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"strconv"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/headers"
)

// options are the flags. Names and meanings are those of `temporal server start-dev`; what is ours says so.
type options struct {
	IP        string   `name:"ip" default:"127.0.0.1" help:"Loopback address to listen on."`
	Port      int      `default:"7233" help:"Port of the gRPC frontend; 0 takes a free one."`
	Namespace []string `short:"n" default:"default" help:"Namespace that is to exist; may be repeated."`

	UIPort         int  `name:"ui-port" help:"Port of the web UI (default: the frontend's port + 1000)."`
	Headless       bool `help:"Start no web UI."`
	UIWriteActions bool `name:"ui-write-actions" help:"Let the UI terminate, signal, update and reset workflows. Off by default: decisions are made through the API, which checks and audits them."`

	UICodecEndpoint string `name:"ui-codec-endpoint" placeholder:"URL" help:"Where the UI has payloads decrypted; the browser sends its cookies along."`
	UISignIn        string `name:"ui-sign-in" placeholder:"URL" help:"Where the UI sends people whose payloads stay encrypted (ours)."`

	DBFilename string `name:"db-filename" short:"f" xor:"db" help:"Keep state in this SQLite file (default: in memory)."`
	DBDir      string `name:"db-dir" xor:"db" help:"Keep state in this folder, in a file named by the server's version: there are no schema migrations for SQLite."`

	SearchAttribute    map[string]string `mapsep:"none" help:"Search attribute to register beside Consentry's, as NAME=TYPE; may be repeated."`
	DynamicConfigValue map[string]string `mapsep:"none" help:"Dynamic configuration value, as KEY=JSON; may be repeated."`
	TimeSkipping       bool              `help:"Let clients move the clock of single workflows forward (for demonstrations)."`

	LogLevel  string `default:"error" enum:"debug,info,warn,error,never" help:"Least severe message to log: ${enum}."`
	LogFormat string `default:"text" enum:"text,json,pretty" help:"Format of the log: text or json."`
	LogFile   string `help:"Write the log to this file instead of standard error."`
}

// Validate is called by kong after parsing; it reports what a flag of the right type can still get wrong.
func (o *options) Validate() error {
	if ip := net.ParseIP(o.IP); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--ip %s: this server asks nobody for a password, so it listens on a loopback address only, such as 127.0.0.1", o.IP)
	}
	if _, err := o.searchAttributes(); err != nil {
		return err
	}
	_, err := o.dynamicConfig()
	return err
}

// uiPort is meaningful after the frontend's port is settled.
func (o *options) uiPort() int {
	switch {
	case o.Headless:
		return 0
	case o.UIPort != 0:
		return o.UIPort
	default:
		return o.Port + 1000
	}
}

func (o *options) frontend() string {
	return net.JoinHostPort(o.IP, strconv.Itoa(o.Port))
}

func (o *options) databaseFile() string {
	if o.DBDir != "" {
		return o.DBDir + "/temporal-" + headers.ServerVersion + ".db"
	}
	return o.DBFilename
}

// consentrySearchAttributes are the attributes that internal/contract declares; the SQL schema offers ten keywords,
// three times and three booleans a namespace.
var consentrySearchAttributes = map[string]enumspb.IndexedValueType{
	"AccountId":      enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"Region":         enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"CampaignId":     enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"MigrationPhase": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"DeadlineArmed":  enumspb.INDEXED_VALUE_TYPE_DATETIME,
	"Overdue":        enumspb.INDEXED_VALUE_TYPE_BOOL,
	"ConsentError":   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"NeedsPerson":    enumspb.INDEXED_VALUE_TYPE_KEYWORD,
}

func (o *options) searchAttributes() (map[string]enumspb.IndexedValueType, error) {
	attributes := maps.Clone(consentrySearchAttributes)
	for name, kindName := range o.SearchAttribute {
		kind, err := enumspb.IndexedValueTypeFromString(kindName)
		if err != nil || kind == enumspb.INDEXED_VALUE_TYPE_UNSPECIFIED {
			return nil, fmt.Errorf("--search-attribute %s=%s: no such type; there are Bool, Datetime, Double, Int, Keyword, KeywordList and Text", name, kindName)
		}
		if ours, known := attributes[name]; known && ours != kind {
			return nil, fmt.Errorf("--search-attribute %s=%s: Consentry already registers it as %s", name, kindName, ours)
		}
		attributes[name] = kind
	}
	return attributes, nil
}

func (o *options) dynamicConfig() (dynamicconfig.StaticClient, error) {
	values := dynamicconfig.StaticClient{
		// A new attribute can be used at once instead of after the cache's minute.
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
		// Ids are VARCHAR(255) in the visibility tables of every SQL store: refuse a longer one here as well.
		dynamicconfig.MaxIDLengthLimit.Key():            255,
		dynamicconfig.MatchingEnableFairness.Key():      true,
		dynamicconfig.EnableServerVersionCheck.Key():    false,
		dynamicconfig.WorkflowTimeSkippingEnabled.Key(): o.TimeSkipping,
	}
	for key, text := range o.DynamicConfigValue {
		value, err := jsonValue(text)
		if err != nil {
			return nil, fmt.Errorf("--dynamic-config-value %s=%s: the value is not JSON (a text needs quotation marks): %w", key, text, err)
		}
		values[dynamicconfig.MakeKey(key)] = value
	}
	return values, nil
}

// jsonValue keeps whole numbers whole, as the settings' converters want them.
func jsonValue(text string) (any, error) {
	decoder := json.NewDecoder(bytes.NewBufferString(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	number, isNumber := value.(json.Number)
	if !isNumber {
		return value, nil
	}
	if whole, err := strconv.Atoi(number.String()); err == nil {
		return whole, nil
	}
	return number.Float64()
}
