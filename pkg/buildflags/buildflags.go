// Package buildflags says how a program was compiled, so that a go build which it
// starts compiles the same way and finds nearly everything in Go's build cache: other
// flags mean other packages there, the whole SDK among them, which takes minutes.
//
// It is for commands and tests that build a function for this machine, not for what
// gets deployed: the Makefile has the flags of that.
package buildflags

import "runtime/debug"

// Of returns the arguments and the environment for a go build that compiles as the
// program of the build information was compiled. Without build information it
// returns nothing, and the go tool's own settings hold.
//
// Source: go help buildcmd for the flags, runtime/debug.BuildSetting for the keys; a
// flag that was not set is not among the settings.
func Of(info *debug.BuildInfo) (args, env []string) {
	if info == nil || len(info.Settings) == 0 {
		return nil, nil
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	// What is not set is said, too: GOFLAGS may be others now.
	for _, name := range []string{"-trimpath", "-race"} {
		value := "false"
		if set[name] == "true" {
			value = "true"
		}
		args = append(args, name+"="+value)
	}
	args = append(args, "-tags="+set["-tags"])
	if cgo, ok := set["CGO_ENABLED"]; ok {
		env = append(env, "CGO_ENABLED="+cgo)
	}
	return args, env
}

// Own is Of for the running program.
func Own() (args, env []string) {
	info, _ := debug.ReadBuildInfo()
	return Of(info)
}
