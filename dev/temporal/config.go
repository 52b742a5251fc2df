package main

import (
	"net"
	"strconv"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
)

// clusterName is written into the database when it is made and cannot be changed afterwards.
const clusterName = "active"

// serverConfig is one cluster of one host with one history shard: with a single SQLite writer more would only wait.
func serverConfig(o options, internalPorts []int) (*config.Config, map[primitives.ServiceName]static.Hosts) {
	ports := map[primitives.ServiceName]int{
		primitives.FrontendService: o.Port,
		primitives.HistoryService:  internalPorts[0],
		primitives.MatchingService: internalPorts[1],
		primitives.WorkerService:   internalPorts[2],
	}
	services := map[string]config.Service{}
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, port := range ports {
		services[string(name)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: o.IP}}
		hosts[name] = static.SingleLocalHost(net.JoinHostPort(o.IP, strconv.Itoa(port)))
	}

	disabled := config.ArchivalNamespaceDefaults{
		History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
		Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
	}
	return &config.Config{
		Services:     services,
		PublicClient: config.PublicClient{HostPort: o.frontend()},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: o.frontend()},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: disabled},
		Persistence: config.Persistence{
			DefaultStore:     sqlite.PluginName,
			VisibilityStore:  sqlite.PluginName,
			NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{
				sqlite.PluginName: {SQL: databaseConfig(o.databaseFile())},
			},
		},
	}, hosts
}
