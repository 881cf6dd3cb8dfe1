#!/usr/bin/env bash
# Makes Debian packages from the files in packaging/: scripts/package.sh [--arch amd64,arm64] [--out DIR] [--binary FILE] [--quick]
# The same commit and the same Go give the same bytes: every time in the package is that of the last commit, owners are
# root, and names are sorted. Nothing is fetched but libraries Go does not have yet. --binary packs a program that was built already (with one --arch),
# --quick compresses little; both are for the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
export LC_ALL=C TZ=UTC CGO_ENABLED=0 DPKG_DEB_THREADS_MAX=1

arches=amd64,arm64 out=dist binary='' compress=(-Zxz)
while [ $# -gt 0 ]; do
  case $1 in
  --arch) arches=$2; shift 2 ;;
  --out) out=$2; shift 2 ;;
  --binary) binary=$2; shift 2 ;;
  --quick) compress=(-Zgzip -z1); shift ;;
  *) echo "package.sh: $1 is not known; the head of the script lists what is" >&2; exit 2 ;;
  esac
done
command -v dpkg-deb >/dev/null || { echo "package.sh: dpkg-deb is missing; on Debian it is in the package dpkg, elsewhere mostly too" >&2; exit 1; }

: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH

# A tag v1.2.3 on the commit is the version. Before the first one versions are times of commits, which dpkg can order.
version=$(git describe --exact-match --match 'v[0-9]*' HEAD 2>/dev/null | sed 's/^v//; s/-/~/g') || true
[ -n "$version" ] || version="0~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d.%H%M%S).$(git rev-parse --short=10 HEAD)"
[ -z "$(git status --porcelain)" ] || version="$version+changed"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# Counted from the files alone: how large a folder is differs between file systems.
kilobytes() { find "$1" -type f ! -path '*/DEBIAN/*' -printf '%s\n' | awk '{ k += int(($1 + 1023) / 1024) } END { print k }'; }

put() { install -D -m "$1" "$2" "$3"; }

tree() { # of one package, in $1, with the program $2
  local root=$1 name
  install -d -m 0755 "$root/DEBIAN"
  put 0755 "$2" "$root/usr/bin/comity"
  put 0755 packaging/comity-here "$root/usr/sbin/comity-here"
  put 0644 packaging/comity.service "$root/usr/lib/systemd/system/comity.service"
  put 0644 packaging/comity-follow.service "$root/usr/lib/systemd/system/comity-follow.service"
  put 0640 packaging/comity.env "$root/etc/comity/comity.env"
  for name in packaging/monitoring/*; do put 0644 "$name" "$root/usr/share/comity/monitoring/${name##*/}"; done
  for name in packaging/ha/*; do
    case $name in *.go) continue ;; */fill | */certificates) put 0755 "$name" "$root/usr/share/comity/ha/${name##*/}" ;;
    *) put 0644 "$name" "$root/usr/share/comity/ha/${name##*/}" ;; esac
  done
  for name in docs/*.md README.md README.zh-CN.md NOTICE; do put 0644 "$name" "$root/usr/share/doc/comity/${name##*/}"; done
  put 0644 LICENSE "$root/usr/share/doc/comity/copyright"
  gzip -9nc CHANGELOG.md >"$root/usr/share/doc/comity/changelog.gz"
  chmod 0644 "$root/usr/share/doc/comity/changelog.gz"
  put 0644 packaging/debian/conffiles "$root/DEBIAN/conffiles"
  for name in postinst prerm postrm; do put 0755 "packaging/debian/$name" "$root/DEBIAN/$name"; done
}

for arch in ${arches//,/ }; do
  root=$work/$arch
  program=$binary
  if [ -z "$program" ]; then
    program=$work/comity-$arch
    GOOS=linux GOARCH=$arch go build -trimpath -buildvcs=true -ldflags '-s -w' -o "$program" ./cmd/comity
  fi
  tree "$root" "$program"
  sed "s/@VERSION@/$version/; s/@ARCH@/$arch/; s|@HOME@|$(sed -n 's/^url: "\(.*\)"/\1/p' publiccode.yml)|; s/@SIZE@/$(kilobytes "$root")/" \
    packaging/debian/control >"$root/DEBIAN/control"
  (cd "$root" && find . -type f ! -path './DEBIAN/*' | sort | cut -c3- | xargs -d '\n' md5sum >DEBIAN/md5sums)
  find "$root" -depth -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group "${compress[@]}" --build "$root" "$out/comity_${version}_$arch.deb" >/dev/null
  echo "$out/comity_${version}_$arch.deb"
done
