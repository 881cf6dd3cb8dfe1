# Comity. `make help` lists the targets; `make check` is what CI runs.
.DEFAULT_GOAL := help
GO ?= go
export CGO_ENABLED ?= 0

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run the demo city at http://127.0.0.1:8311
	$(GO) run ./cmd/comity demo

dev: ## the demo city with a clock that can be moved and a page of unsent messages
	$(GO) run ./cmd/comity demo --dev

check: ## install what the tests need, then run everything CI runs
	@scripts/check.sh

test: ## the Go tests alone, without installing anything
	$(GO) test ./...

story: ## play one story: make story F=packs/demo/stories/happy-path.txtar
	@test -n "$(F)" || { echo "name a story: make story F=packs/demo/stories/….txtar"; exit 2; }
	$(GO) run ./cmd/comity story $(F)

bench: ## print the benchmarks as ratios against baselines of the same run (some minutes); comity bench loads whole cities
	$(GO) run ./internal/bench

failover: ## three database machines, two of Comity and a proxy, switched off under load (root; twenty minutes)
	$(GO) test ./packaging/ha -run Test_nothing_acknowledged -count=1 -v -timeout 60m -failover $(if $(SCENES),-scenes '$(SCENES)')

SIZES ?= 10000,100000
performance: ## measure cities of SIZES cases and write docs/performance.md (PG=postgres://… adds PostgreSQL; REPORT='--events 5 --dir D --keep' what else it takes; at a million much of an hour)
	$(GO) run ./cmd/comity bench report --out docs/performance.md --sizes $(SIZES) $(if $(PG),--pg '$(PG)') $(REPORT)

DRILLS ?= 12
drill: ## pull plugs and bring a city back, on both engines (some minutes; DRILLS=20 for more)
	COMITY_DRILL_ROUNDS=$(DRILLS) $(GO) test ./cmd/comity -run Test_a_drill -v -count=1 -timeout 60m

ROUNDS ?= 500
reliability: ## pull plugs ROUNDS times (hours at 500; KEEP=file goes on there) and write docs/reliability.md
	$(GO) run ./internal/fault -rounds $(ROUNDS) -out docs/reliability.md $(if $(KEEP),-keep '$(KEEP)')

generate: ## write the generated files anew (templates, schemas and reference of packs)
	$(GO) tool templ generate -path internal
	$(GO) run ./cmd/comity pack schema --dir docs/schema
	$(GO) run ./cmd/comity pack docs > docs/pack-reference.new
	mv docs/pack-reference.new docs/pack-reference.md
	$(GO) run ./cmd/comity pack searched > packs/searched.new
	mv packs/searched.new packs/searched.json

build: ## build the static, stripped binary
	$(GO) build -trimpath -ldflags '-s -w' -o comity ./cmd/comity

package: ## make Debian packages for amd64 and arm64 in dist/, the same bytes from the same commit
	scripts/package.sh

.PHONY: help demo dev check test story bench failover performance drill reliability generate build package
