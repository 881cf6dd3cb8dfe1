// Package packs embeds the packs that ship with the program, so that one binary runs the demo city
// anywhere. It holds no code; what a pack means is package pack's.
package packs

import "embed"

// FS holds one folder per pack.
//
//go:embed */*.yaml */*.csv */*/*.yaml */*/*.md */stories/*.txtar
var FS embed.FS

// Searched is what the model checker found of the procedures of these packs, so that a first start need not
// search them: a pack.Memory as JSON. It is generated, and the tests of package pack search everything anew.
//
//go:embed searched.json
var Searched []byte
