#!/usr/bin/env bash
# Installs what the tests need (saying so first, skipping what is there), then runs every check.
# One failing step does not hide the others; the exit status tells whether any failed.
set -uo pipefail
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1; }

install_needs() {
  local want=() as=()
  have chromium || have chromium-browser || have google-chrome || want+=(chromium)
  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || have postgres || [ -n "${COMITY_TEST_POSTGRES:-}" ] || want+=(postgresql)
  have cc || want+=(gcc libc6-dev)
  have pdftotext || want+=(poppler-utils)
  have qpdf || want+=(qpdf)
  have clamd || want+=(clamav-daemon)
  fc-list 2>/dev/null | grep -qi 'cjk\|noto sans sc' || want+=(fonts-noto-cjk)
  [ ${#want[@]} -eq 0 ] && return 0
  echo "The tests need these Debian packages, which are not here: ${want[*]}"
  if ! have apt-get; then
    echo "This is not a Debian system: install them by your system's own means and run this again."
    return 1
  fi
  [ "$(id -u)" -eq 0 ] || as=(sudo)
  echo "Installing them with apt-get …"
  "${as[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${as[@]}" apt-get install -y -qq --no-install-recommends "${want[@]}" >/dev/null
}

# A real S3 store for the test of files in a bucket: Versity's gateway (Apache-2.0), built once into a folder of ours.
# It takes some minutes the first time and nothing afterwards. Where it cannot be built the test says that it was skipped.
store_version=v1.8.0
store_dir="$(go env GOCACHE)/comity-check-$store_version"
install_store() {
  [ -n "${COMITY_TEST_S3:-}" ] || have versitygw && return 0
  export PATH="$store_dir:$PATH"
  have versitygw && return 0
  echo "Building an S3 store for the tests into $store_dir …"
  GOBIN="$store_dir" GOFLAGS= CGO_ENABLED=0 timeout 900 go install "github.com/versity/versitygw/cmd/versitygw@$store_version" 2>/dev/null ||
    echo "   it could not be built; files in a bucket are tested against a store of the tests' own alone"
}

# promtool, to try the alert rules. Its Debian package would start a server as well, so the program alone is taken out of it.
install_promtool() {
  have promtool && return 0
  local dir
  dir="$(go env GOCACHE)/comity-check-promtool"
  export PATH="$dir/usr/bin:$PATH"
  have promtool || ! have apt-get && return 0
  echo "Taking promtool out of the package prometheus into $dir …"
  mkdir -p "$dir" && (cd "$dir" && apt-get download -qq prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool && rm -f prometheus_*.deb) >/dev/null 2>&1 ||
    echo "   it could not be had; the alert rules are read and not tried"
}

# The tests open hundreds of cities, and each commit waits for its disk: on a slow one that is most of the time. Where
# the machine has the memory to spare they lie in it; what syncs do is tested against file systems of the tests' own.
tests_in_memory() {
  [ -n "${TMPDIR:-}" ] && return 0
  local free memory dir
  free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $4}')
  memory=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo 2>/dev/null)
  [ "${free:-0}" -ge 2000000 ] && [ "${memory:-0}" -ge 6000000 ] || { echo "Less than 6 GB of memory, or of 2 GB in /dev/shm, is free: the tests' files go to the disk."; return 0; }
  dir=$(mktemp -d /dev/shm/comity-check-XXXXXX) || return 0
  chmod 1777 "$dir"
  trap "rm -rf '$dir'" EXIT # its name now: when the trap runs, the variable is gone
  # Some tests build a program and run it; in a container nothing there may be run.
  cp "$(type -P true)" "$dir/" && "$dir/true" 2>/dev/null || { echo "Nothing in /dev/shm may be run: the tests' files go to the disk."; return 0; }
  export TMPDIR="$dir" GOTMPDIR="${GOTMPDIR:-/tmp}"
}

failed=()
step() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name"
  if "$@"; then echo "   ok, $((SECONDS - start)) s"; else
    echo "   FAILED: $name"
    failed+=("$name")
  fi
}

formatted() {
  local out
  out=$(gofmt -l . 2>&1)
  [ -z "$out" ] || { echo "gofmt differs in:"; echo "$out"; return 1; }
}

generated_sums() { { find internal -name '*_templ.go'; ls docs/schema/*.json docs/pack-reference.md packs/searched.json; } | sort | xargs sha256sum; }

# Generated files must be what the generators write today.
generated() {
  local before after
  before=$(generated_sums)
  make -s generate >/dev/null 2>&1 || { echo "the generator failed"; return 1; }
  after=$(generated_sums)
  [ "$before" = "$after" ] || { echo "run make generate and commit:"; diff <(echo "$before") <(echo "$after"); return 1; }
}

# govulncheck needs its database from the network; where that is out of reach it cannot say anything.
vulnerabilities() {
  local out
  if out=$(go tool govulncheck ./... 2>&1); then echo "$out" | tail -1; return 0; fi
  if echo "$out" | grep -qiE 'dial tcp|no such host|connection refused|fetching vulnerabilities|proxyconnect|timeout|lookup|403|404'; then
    echo "   the vulnerability database cannot be reached from here; skipped"
    return 0
  fi
  echo "$out"
  return 1
}

packs_sound() {
  local p status=0
  for p in packs/*/pack.yaml; do go run ./cmd/comity pack check "$(dirname "$p")" || status=1; done
  return $status
}

install_needs || exit 1
install_store
install_promtool
tests_in_memory
step "formatting" formatted
step "generated files" generated
step "module files" go mod tidy -diff
step "go vet" go vet ./...
step "staticcheck" go tool staticcheck ./...
step "known vulnerabilities" vulnerabilities
step "packs" packs_sound
step "tests (both engines, browser)" go test -count=1 -timeout 30m ./...
# Inside one call of SQLite or of the YAML parser there is one thread, and watching each of their reads takes most of the time.
step "race detector" env CGO_ENABLED=1 go test -race -short -count=1 -timeout 30m \
  -gcflags='github.com/ncruces/go-sqlite3-wasm/v6/...=-race=false' -gcflags='go.yaml.in/yaml/v4/...=-race=false' ./internal/...
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "Everything passed in $SECONDS s."
