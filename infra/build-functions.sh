#!/usr/bin/env bash
# Builds the functions as they deploy: FOLDER/<step>/bootstrap. cargo-lambda brings its linker, so any machine builds for
# either processor.
#
# Usage: infra/build-functions.sh arm64|x86_64 FOLDER
set -euo pipefail

case ${1:-} in
  arm64) processor=--arm64 target=aarch64-unknown-linux-gnu ;;
  x86_64) processor=--x86-64 target=x86_64-unknown-linux-gnu ;;
  *) echo "error: processor: expected arm64 or x86_64, found ${1:-none}" >&2; exit 2 ;;
esac
mkdir -p "${2:?folder for the functions: expected a path, found none}"
folder=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
# shellcheck source=tests/setup.sh
. tests/setup.sh

version=1.9.2
venv=$cache/cargo-lambda-$version
if [ ! -x "$venv/bin/cargo-lambda" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "cargo-lambda==$version"
fi
export PATH=$venv/bin:$PATH

if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
  rustup target add "$target"
fi

# One package at a time: built together, each function would get the SDK crates of all (functions/README.md).
for step in "${lambdas[@]}"; do
  echo "$step for $1"
  cargo lambda build --release "$processor" --lambda-dir "$folder" -p "step-$step" --features lambda
done
