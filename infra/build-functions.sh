#!/usr/bin/env bash
# Builds the functions as they deploy: FOLDER/<step>/bootstrap. cargo-lambda brings its linker, so any machine builds for
# either processor. Each is then started once, where this machine can: on its own processor, or under qemu-user.
#
# Usage: infra/build-functions.sh arm64|x86_64 FOLDER
set -euo pipefail

case ${1:-} in
  arm64) processor=--arm64 cpu=aarch64 debian=arm64 ;;
  x86_64) processor=--x86-64 cpu=x86_64 debian=amd64 ;;
  *) echo "error: processor: expected arm64 or x86_64, found ${1:-none}" >&2; exit 2 ;;
esac
mkdir -p "${2:?folder for the functions: expected a path, found none}"
folder=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
# shellcheck source=tests/setup.sh
. tests/setup.sh

target=$cpu-unknown-linux-gnu

# cargo-lambda takes whatever ziglang is newest. The `ar` of 0.16.0 makes no archive, which every crate with C code needs.
version=1.9.2 zig=0.15.2
venv=$cache/cargo-lambda-$version-zig-$zig
if [ ! -x "$venv/bin/cargo-lambda" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "cargo-lambda==$version" "ziglang==$zig"
fi
export PATH=$venv/bin:$PATH

if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
  rustup target add "$target"
fi

steps=$(bash functions/names.sh)
# One package at a time: built together, each function would get the SDK crates of all (functions/README.md).
for step in $steps; do
  echo "$step for $1"
  cargo lambda build --release "$processor" --lambda-dir "$folder" -p "step-$step" --features lambda
done

case $(uname -s)/$(uname -m) in
  Linux/"$cpu") start=(env) ;;
  *)
    start=()
    for qemu in "qemu-$cpu-static" "qemu-$cpu"; do
      # Debian keeps the C library of another processor there (libc6-arm64-cross, libc6-amd64-cross).
      if command -v "$qemu" >/dev/null && [ -d "${QEMU_LD_PREFIX:=/usr/$cpu-linux-gnu}" ]; then
        start=(env "QEMU_LD_PREFIX=$QEMU_LD_PREFIX" "$qemu")
        break
      fi
    done
    ;;
esac
if [ ${#start[@]} -eq 0 ]; then
  echo "not started: this machine has another processor than $1, and no qemu-user with a C library for it" \
    "(Debian: qemu-user-static and libc6-$debian-cross)"
  exit 0
fi
for step in $steps; do
  # Outside Lambda a bootstrap ends at once with an error that names the variable it misses. One for another processor, or
  # without a library that it needs, does not come that far.
  said=$(env -u AWS_LAMBDA_RUNTIME_API "${start[@]}" "$folder/$step/bootstrap" 2>&1 </dev/null || true)
  case $said in
    *AWS_LAMBDA_RUNTIME_API*) ;;
    *)
      echo "error: $step/bootstrap: expected a program for $1 that asks for AWS_LAMBDA_RUNTIME_API, found ${said:-no output}" >&2
      exit 1
      ;;
  esac
done
echo "started: $steps"
