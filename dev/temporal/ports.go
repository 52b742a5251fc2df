package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// settlePorts fills in the ports that were left open and makes sure that every port can be had, before anything is
// started: the UI's server ends the whole process when its port is taken, and the frontend says only "bind".
//
// Between this check and the real listener another process can still take a port. Nothing better is to be had, for
// neither server accepts a listener that is already open.
func (o *options) settlePorts() error {
	port, err := probe(o.IP, o.Port, "--port")
	if err != nil {
		return err
	}
	o.Port = port
	if o.Headless {
		return nil
	}
	if o.Port+1000 > 65535 && o.UIPort == 0 {
		free, err := freePorts(o.IP, 1)
		if err != nil {
			return err
		}
		o.UIPort = free[0]
	}
	_, err = probe(o.IP, o.uiPort(), "--ui-port")
	return err
}

// probe answers with the port a listener got; the flag is what a person can change when it gets none.
func probe(ip string, port int, flag string) (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return 0, fmt.Errorf("port %d on %s is taken by another program; stop that one, or choose another port with %s", port, ip, flag)
	}
	if err != nil {
		return 0, fmt.Errorf("port %d on %s cannot be used; choose another with %s: %w", port, ip, flag, err)
	}
	port = listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// freePorts holds all its listeners open until it has enough, so that no port is given twice.
func freePorts(ip string, count int) ([]int, error) {
	var ports []int
	var listeners []net.Listener
	defer func() {
		for _, listener := range listeners {
			listener.Close()
		}
	}()
	for range count {
		listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			return nil, fmt.Errorf("no free port on %s: %w", ip, err)
		}
		listeners = append(listeners, listener)
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
