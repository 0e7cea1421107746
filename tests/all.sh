#!/usr/bin/env bash
# Every check of this repository, the fast ones first. Sets up what it needs: a Python environment with the
# independent readers that ours are compared with, the validator of Amazon States Language, and the build.
#
# Needs: the Rust toolchain with a C compiler, Python 3 with venv, Node with npm.
# Cache: ${ECG_CACHE:-~/.cache/ecg-pipeline}; the build goes to $CARGO_TARGET_DIR, by default inside the cache, so that
# a fresh clone finds the dependencies of the last one built. Delete it whenever you like.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${ECG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ecg-pipeline}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
mkdir -p "$cache" "$CARGO_TARGET_DIR"
started=$SECONDS
say() { printf '\n== %s (after %d s)\n' "$*" $((SECONDS - started)); }

say "formatting"
cargo fmt --all --check

say "Python environment"
venv=$cache/venv
stamp=$venv/.requirements
if ! cmp -s tests/requirements.txt "$stamp"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
  cp tests/requirements.txt "$stamp"
fi
export ECG_PYTHON=$venv/bin/python
export ECG_MINISTACK=$venv/bin/ministack

say "workflow file: asl-validator"
npm_dir=$cache/npm
mkdir -p "$npm_dir"
cp tests/package.json tests/package-lock.json "$npm_dir/"
npm ci --prefix "$npm_dir" --no-audit --no-fund --loglevel=error
export ECG_ASL_VALIDATOR=$npm_dir/node_modules/.bin/asl-validator
for workflow in statemachine/*.asl.json; do
  "$ECG_ASL_VALIDATOR" --json-path "$workflow"
done

# The Lambda bootstraps and the AWS backends, which the command line does without.
aws_packages=(-p ecg-boot -p ecg-store)
for step in start validate parse transform write crawl notify; do aws_packages+=(-p "step-$step"); done
aws_features=(--features "ecg-store/s3,ecg-store/glue,ecg-boot/aws,step-start/lambda,step-validate/lambda,step-parse/lambda,step-transform/lambda,step-write/lambda,step-crawl/lambda,step-notify/lambda")

say "lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

# One selection of packages for build and tests, so that nothing is built twice; the command line is built with it, because
# its own tests need it.
export ECG_BIN=$CARGO_TARGET_DIR/debug/ecg
if cargo nextest --version >/dev/null 2>&1; then
  nextest() { cargo nextest run --no-fail-fast --status-level fail --final-status-level slow "$@"; }
  say "build"
  cargo nextest run --workspace --no-run --cargo-quiet
  say "tests of the libraries"
  nextest --workspace -E 'not package(ecg-tests)'
  cargo test --workspace --doc --quiet
  say "tests of the whole"
  nextest --workspace -E 'package(ecg-tests)'
else
  nextest() { cargo test --no-fail-fast "$@"; }
  say "build and tests (cargo-nextest would run them side by side)"
  nextest --workspace
fi

say "Lambda bootstraps and AWS backends: lints"
cargo clippy "${aws_packages[@]}" "${aws_features[@]}" --all-targets --quiet -- -D warnings

say "Lambda bootstraps and AWS backends: tests"
nextest -p ecg-boot -p ecg-store -p step-start -p step-notify \
  --features ecg-store/s3,ecg-store/glue,ecg-boot/glue,step-start/lambda,step-notify/lambda

say "all passed"
