#!/usr/bin/env bash
# The pipeline on an emulator of AWS, on this machine: no account, no Docker, nothing to install by hand.
#
#   tests/cloud.sh > cloud.env     starts the cloud, deploys infra/ into it, prints NAME=value lines (only those), and
#                                  leaves it running until Ctrl-C. In another terminal: set -a; . ./cloud.env
#   tests/cloud.sh --test [...]    runs the suite tests/cloud instead; what follows goes to pytest
#   tests/cloud.sh --measure       time and memory of each function for recordings of three lengths, as a table. Before:
#                                  build the functions as they deploy, and name their folder in ECG_LAMBDA_DIR
#
# Needs: the Rust toolchain with a C compiler, Python 3 with venv, Node with npm.
# ECG_CDK_OUT, if set, is used as it is: what an earlier `cdk synth` wrote, nothing is built. So is ECG_CDK_EVERYTHING, with every
# setting on; without it the tests that need it are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
exec 3>&1 1>&2

. tests/setup.sh
say() { printf '== %s\n' "$*"; }

say "Python environment"
setup_python
say "packages from npm"
setup_node
if [ -z "${ECG_CDK_OUT:-}" ]; then
  say "build"
  setup_build
  say "synthesise infra/"
  setup_infra
  setup_synth
fi

cd tests/cloud
export PYTHONDONTWRITEBYTECODE=1
if [ "${1:-}" = --test ]; then
  shift
  exec "$ECG_PYTHON" -m pytest "$@" 1>&3
fi
if [ "${1:-}" = --measure ]; then
  exec "$ECG_PYTHON" -m driver.measure "$ECG_CDK_OUT" "$ECG_BIN" 1>&3
fi
exec "$ECG_PYTHON" -m driver "$ECG_CDK_OUT" 1>&3
