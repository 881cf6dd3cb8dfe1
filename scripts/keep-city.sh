#!/usr/bin/env bash
# Keeps a small city as this version of the program leaves it, on both engines, for the test of upgrades. Run it once at each
# release, and never anew for a version that is out: scripts/keep-city.sh VERSION postgres://user@host/postgres
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,3s/^# //p' "$0"; exit 2; }
version=$1 server=$2
cd "$(dirname "$0")/.."
kept="$PWD/cmd/comity/testdata/cities"
if ls "$kept/$version".*.tar.gz >/dev/null 2>&1; then
  echo "A city of $version is kept already; what a version wrote is not written anew."
  exit 1
fi
work=$(mktemp -d)
databases=() demo=
clean() {
  [ -z "$demo" ] || kill "$demo" 2>/dev/null || true
  for d in "${databases[@]}"; do dropdb --maintenance-db="$server" --if-exists "$d" || true; done
  rm -rf "$work"
}
trap clean EXIT
CGO_ENABLED=0 go build -o "$work/comity" ./cmd/comity

# The demo's year, short, stopped as soon as the city is open.
"$work/comity" demo --data "$work/city" --cases 25 --addr 127.0.0.1:0 --json >"$work/said" 2>"$work/log" &
demo=$!
until grep -q '"address"' "$work/said"; do
  kill -0 $demo 2>/dev/null || { cat "$work/log"; exit 1; }
  sleep 0.5
done
kill $demo && wait $demo || true
demo=
sed -i 's|^\( *"data": \)".*"|\1"city"|' "$work/city/demo.json" # names a folder of this machine

pack() { tar -C "$work" --owner=0 --group=0 --sort=name -cf - "$@" | gzip -9n; }
pack city city.keys >"$kept/$version.sqlite.tar.gz"

base="comity_kept_$$"
names=(civic)
for f in "$work"/city/comity-*.db; do
  f=${f##*/comity-}
  names+=("${f%.db}")
done
for n in "${names[@]}"; do
  d=$base; [ "$n" = civic ] || d="${base}_$n"
  createdb --maintenance-db="$server" "$d" && databases+=("$d")
done
address=$(echo "$server" | sed "s|/[^/?]*\(\?.*\)\?$|/$base\1|")
"$work/comity" move --pack demo --data "$work/city" --to "$address" >/dev/null
for n in "${names[@]}"; do
  d=$base; [ "$n" = civic ] || d="${base}_$n"
  pg_dump "$(echo "$address" | sed "s|/$base|/$d|")" --inserts --rows-per-insert=50 --no-owner --no-privileges --no-comments |
    grep -v '^\\\(un\)\?restrict ' >"$work/$n.sql"
done
rm -f "$work"/city/*.db*
pack city city.keys "${names[@]/%/.sql}" >"$kept/$version.postgres.tar.gz"
ls -l "$kept/$version".*
