// Package sdktest lets Microsoft's Graph client library for Go, unmodified, work against the emulator. It stands apart
// because compiling that library takes minutes the first time.
package sdktest
