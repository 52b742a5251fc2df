package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
)

func uiURL(o options) string {
	return "http://" + net.JoinHostPort(o.IP, strconv.Itoa(o.uiPort()))
}

// startUI returns when the UI answers. Its write actions are off unless asked for: whoever
// terminates or signals a migration here goes around the rules and the audit of the API.
func startUI(ctx context.Context, o options) (*uiserver.Server, error) {
	ui := uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		TemporalGRPCAddress: o.frontend(),
		Host:                o.IP,
		Port:                o.uiPort(),
		EnableUI:            true,
		DefaultNamespace:    o.Namespace[0],
		DisableWriteActions: !o.UIWriteActions,
		DisableNewsFetch:    true,
		Codec:               codec(o),
		HideLogs:            true,
		// Plain HTTP on the loopback interface: a cookie marked secure would never come back from some browsers.
		CORS: uiconfig.CORS{CookieInsecure: true},
	}))
	// Start ends the process itself when it cannot listen; settlePorts has made that unlikely.
	go func() { _ = ui.Start() }()

	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := awaitHealthy(ctx, uiURL(o)+"/healthz"); err != nil {
		ui.Stop()
		return nil, fmt.Errorf("the UI does not answer on %s: %w", uiURL(o), err)
	}
	return ui, nil
}

// codec tells the UI in the browser where payloads are decrypted. Who may read them is the endpoint's to say.
func codec(o options) uiconfig.Codec {
	if o.UICodecEndpoint == "" {
		return uiconfig.Codec{}
	}
	return uiconfig.Codec{
		Endpoint: o.UICodecEndpoint, IncludeCredentials: true,
		DefaultErrorMessage: "Payloads are encrypted. Sign in to the console as an operator in this browser, then reload.",
		DefaultErrorLink:    o.UISignIn,
	}
}

func awaitHealthy(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("it answers %s", response.Status)
		}
		select {
		case <-ctx.Done():
			return err
		case <-retry.C:
		}
	}
}
