#!/bin/sh
# Gets the embedded ClickHouse: the library libchdb.so of the npm package
# @chdb/lib-linux-x64-gnu, into .cache/engine of this checkout. Package and
# library are checked against the hashes below; nothing is done when the right
# library is there. With --check the library is hashed again rather than trusted.
#
# The same build is named in pkg/engine/library.go.
set -eu

package='@chdb/lib-linux-x64-gnu@26.7.3-stable.1'
integrity='sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=='
sha256='36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5'

dir="$(cd "$(dirname "$0")/.." && pwd)/.cache/engine"
library="$dir/libchdb.so"
stamp="$library.sha256"

fail() {
	echo "get-engine: $*" >&2
	exit 1
}

platform="$(uname -s)/$(uname -m)"
[ "$platform" = Linux/x86_64 ] ||
	fail "the embedded ClickHouse is packaged for Linux/x86_64, not for $platform; use a ClickHouse server, or name a libchdb.so of your own in PAYOFF_ENGINE_LIBRARY"

hash_of() { sha256sum "$1" | cut -d ' ' -f 1; }

if [ -f "$library" ]; then
	if [ "${1:-}" != --check ] && [ -f "$stamp" ] && [ ! "$library" -nt "$stamp" ] && [ "$(cat "$stamp")" = "$sha256" ]; then
		exit 0
	fi
	if [ "$(hash_of "$library")" = "$sha256" ]; then
		echo "$sha256" >"$stamp"
		exit 0
	fi
	echo "get-engine: $library is not the build wanted; getting it again" >&2
	rm -f "$library" "$stamp"
fi

for tool in npm tar sha256sum sha512sum; do
	command -v "$tool" >/dev/null || fail "$tool is needed to get $package"
done

mkdir -p "$dir"
work="$(mktemp -d "$dir/get.XXXXXX")"
trap 'rm -rf "$work"' EXIT INT TERM

echo "get-engine: getting $package (178 MB)" >&2
(cd "$work" && npm pack --silent "$package" >/dev/null) || fail "npm could not get $package"
tarball="$(ls "$work"/*.tgz)"

# npm writes the hash in base64, sha512sum in hexadecimal.
want="$(echo "${integrity#sha512-}" | base64 -d | od -An -v -tx1 | tr -d ' \n')"
got="$(sha512sum "$tarball" | cut -d ' ' -f 1)"
[ "$got" = "$want" ] || fail "the SHA-512 of the package is $got, not $want"

tar -xzf "$tarball" -C "$work" package/libchdb.so
[ "$(hash_of "$work/package/libchdb.so")" = "$sha256" ] || fail "the library in the package is not the build wanted"

# Into place at once, so that nobody sees half a library.
chmod 755 "$work/package/libchdb.so"
mv "$work/package/libchdb.so" "$library"
echo "$sha256" >"$stamp"
echo "get-engine: $library is ready" >&2
