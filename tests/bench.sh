#!/usr/bin/env bash
# How fast it is: `ecg run` as a whole beside Python that does the same, and each stage beside the least that it needs. Prints Markdown
# on standard output, in the form of docs/performance.md, and what it is doing on standard error. Nothing is asserted about time.
#
#   tests/bench.sh                   everything but the largest: about half an hour, and the first time the release build
#   tests/bench.sh quick             small recordings, short benchmarks: a minute or two
#   tests/bench.sh large             also 10,000 and 100,000 recordings: some hours, and 20 GB of disk
#   tests/bench.sh [SIZE] --binary ECG    another `ecg`, an older build for example, takes its turns in the same run
#   tests/bench.sh [SIZE] --only whole    without the stages
#   tests/bench.sh [SIZE] --only stages   without the whole processes
#
# Needs: the Rust toolchain with a C compiler, Python 3.11 or newer with venv. What it sets up, and the recordings that it makes, lie in a
# cache: see setup.sh. ECG_BIN, if set, is measured as it is in place of a release build. ECG_LAMBDA_DIR, if set, has the functions as they
# deploy (functions/README.md): their cold start is measured too.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/setup.sh
say() { printf '== %s (after %d s)\n' "$*" $SECONDS >&2; }
usage() {
  sed -n '/^#   tests/s/^# *//p' tests/bench.sh >&2
  exit 2
}

size=all only="" binary=()
while [ $# -gt 0 ]; do
  case $1 in
    quick | large) size=$1 ;;
    --binary) binary=(--binary "$(cd "$OLDPWD" && realpath "${2:?}")") && shift ;;
    --only) only=${2:?} && shift ;;
    *) usage ;;
  esac
  shift
done
case $only in "" | whole | stages) ;; *) usage ;; esac

if [ "$only" != stages ]; then
  if [ -z "${ECG_BIN:-}" ]; then
    say "release build"
    cargo build --release -p ecg --bin ecg --quiet
    ECG_BIN=$CARGO_TARGET_DIR/release/ecg
  fi
  say "Python environment"
  setup_venv bench-venv tests/bench/requirements.txt
  say "whole processes"
  "$cache/bench-venv/bin/python" -B tests/bench/measure.py "$ECG_BIN" "$cache/bench" --size "$size" "${binary[@]}"
fi

if [ "$only" != whole ]; then
  say "stages"
  # Every benchmark of the workspace: the crates whose Cargo.toml names one.
  selection=()
  for manifest in $(git grep -l '^\[\[bench\]\]' -- '*/Cargo.toml'); do
    selection+=(-p "$(sed -n 's/^name = "\(.*\)"$/\1/p' "$manifest" | head -1)")
    while IFS= read -r name; do
      selection+=(--bench "$name")
    done < <(sed -n '/^\[\[bench\]\]/,/^$/s/^name = "\(.*\)"$/\1/p' "$manifest")
  done
  length=(--sample-size 20 --warm-up-time 0.5 --measurement-time 2)
  [ "$size" != quick ] || length=(--sample-size 10 --warm-up-time 0.2 --measurement-time 0.5)
  export CRITERION_HOME=$cache/bench/criterion
  rm -rf "$CRITERION_HOME"
  cargo bench "${selection[@]}" -- --noplot "${length[@]}" >&2
  python3 -B tests/bench/stages.py "$CRITERION_HOME"
fi
say "done"
