// Package engine is the one door to Temporal: dialling with the environment's
// settings, the encryption of payloads, search attributes, schedules, and the
// delivery of the service's engine calls. Client, worker and replayer take
// their options from one function each here, so that a payload written by one
// is readable by all.
package engine
