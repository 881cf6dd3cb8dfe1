package main

import "context"

func kernel(ctx context.Context, o options, dir string, t *table) error { return nil }
func start(ctx context.Context, o options, dir string, t *table) error  { return nil }
