// Package config reads the one configuration file, the FRESHET_ environment
// and the credentials file.
//
// It must not know what the parts do with their settings, and it holds no
// secret: secrets are named by file and read by whoever needs them. The
// commands call it before anything is started, so that a bad file costs
// nothing. If it accepts what it should refuse, the fault shows itself later
// as a POP that nobody reaches or a cycle that never purges.
//
// The comments of the fields of [Config] are the manual; docs/config.md is
// generated from them.
package config
