//go:build !unix

package main

import "os"

// A system without such signals keeps the level the city began with.
var signalMore, signalLess os.Signal
