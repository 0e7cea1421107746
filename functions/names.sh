#!/usr/bin/env bash
# Prints the names of all functions, for scripts.
set -euo pipefail
cd "$(dirname "$0")"
node -p 'Object.keys(require("./steps.json").steps).join(" ")'
