#!/bin/sh
# Gets what pages are looked at with: Chromium, by its Debian name, and axe-core,
# which finds what shuts people out (npm package, hash checked), into .cache/axe of
# this checkout. Nothing is done when both are there.
set -eu

package='axe-core@4.14.1'
integrity='sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=='
sha256='29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c'

dir="$(cd "$(dirname "$0")/.." && pwd)/.cache/axe"
script="$dir/axe.min.js"

fail() {
	echo "get-browser: $*" >&2
	exit 1
}

found=''
for name in chromium chromium-browser google-chrome; do
	if command -v "$name" >/dev/null; then found="$name"; fi
done
if [ -z "$found" ]; then
	command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || fail "the tests of pages need a Chromium: install it, on Debian with 'apt-get install chromium'"
	echo "get-browser: installing chromium" >&2
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null || fail "apt-get could not install chromium"
fi

if [ -f "$script" ] && [ "$(sha256sum "$script" | cut -d ' ' -f 1)" = "$sha256" ]; then
	exit 0
fi
for tool in npm tar sha256sum sha512sum; do
	command -v "$tool" >/dev/null || fail "$tool is needed to get $package"
done

mkdir -p "$dir"
work="$(mktemp -d "$dir/get.XXXXXX")"
trap 'rm -rf "$work"' EXIT INT TERM
(cd "$work" && npm pack --silent "$package" >/dev/null) || fail "npm could not get $package"
tarball="$(ls "$work"/*.tgz)"

# npm writes the hash in base64, sha512sum in hexadecimal.
want="$(echo "${integrity#sha512-}" | base64 -d | od -An -v -tx1 | tr -d ' \n')"
got="$(sha512sum "$tarball" | cut -d ' ' -f 1)"
[ "$got" = "$want" ] || fail "the SHA-512 of the package is $got, not $want"
tar -xzf "$tarball" -C "$work" package/axe.min.js
[ "$(sha256sum "$work/package/axe.min.js" | cut -d ' ' -f 1)" = "$sha256" ] || fail "the script in the package is not the one wanted"
mv "$work/package/axe.min.js" "$script"
echo "get-browser: $script is ready" >&2
