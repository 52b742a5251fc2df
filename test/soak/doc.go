// Package soak holds the long runs of make soak that belong to no single room.
package soak
