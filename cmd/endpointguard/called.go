package main

import (
	"path/filepath"
	"strings"
)

// ownName is what the command is called where it is installed.
const ownName = "endpointguard"

// calledAs is how this program can be called again, as it was called: by its name
// if it was found by that, by its path otherwise. What go run has built is gone
// afterwards, so that it is go run again.
func calledAs(program string) string {
	name := strings.TrimSuffix(filepath.Base(program), ".exe")
	switch path := filepath.ToSlash(program); {
	case name == ownName && strings.Contains(path, "/go-build"):
		return "go run github.com/endpointguard/endpointguard/cmd/endpointguard"
	case path == name || path == name+".exe":
		return name
	}
	return quoted(program)
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:=@%+,", c)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return `"` + strings.ReplaceAll(word, `"`, `\"`) + `"`
}

// proposing puts how the program was called into a hint that proposes a command.
func proposing(hint, as string) string {
	return strings.ReplaceAll(hint, "'"+ownName+" ", "'"+as+" ")
}
