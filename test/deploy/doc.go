// Package deploy holds that the parts of production (Dockerfile,
// docker-compose.yml, deploy/) fit the programs they start: every command, flag,
// variable, file, port and health check in them. No container engine is needed.
//
// The compose file is read into a struct of exactly the keys it uses, and an
// unknown key is an error. The library of the compose specification would bring
// some forty modules to read what is read here in a few lines; what it would add,
// defaults and extensions, this file does not use.
package deploy
