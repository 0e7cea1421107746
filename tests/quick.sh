#!/usr/bin/env bash
# The quick check of what changed: format, spelling, licences, lints and unit tests. For each commit; tests/all.sh is for each merge.
#
#   tests/quick.sh           what differs from the branch main, uncommitted files included; on main: what is not committed
#   tests/quick.sh COMMIT    what differs from COMMIT
#
# It does not cover: tests of crates that depend on a changed crate, the end-to-end suites (ecg-tests, tests/cloud), examples in
# documentation comments, cdk-nag and cfn-lint.
#
# It uses the cache of tests/all.sh (setup.sh). Less than two minutes, but for the first time that a crate is tested: that builds
# its dependencies with the features that this crate alone needs.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/setup.sh
started=$SECONDS
say() { printf '== %s (after %d s)\n' "$*" $((SECONDS - started)); }

base=${1:-$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || echo HEAD)}
mapfile -t changed < <({ git diff --name-only "$base"; git ls-files --others --exclude-standard; } | sort -u)
if [ ${#changed[@]} -eq 0 ]; then
  echo "nothing differs from $(git rev-parse --short "$base")"
  exit 0
fi
differs() { printf '%s\n' "${changed[@]}" | grep -qE "$1"; }

say "formatting"
cargo fmt --all --check

say "Python environment"
setup_python

say "spelling"
"$TYPOS"

if differs '^docs/cost|^tests/(python/cost|tests/requests)|^infra/(README\.md|quotas\.sh)|^functions/steps\.json|^statemachine/ecg-pipeline\.asl\.json'; then
  say "the page on costs is what its model prints"
  PYTHONDONTWRITEBYTECODE=1 "$ECG_PYTHON" tests/python/cost_model.py
fi

if differs '(^|/)Cargo\.(toml|lock)$|^deny\.toml$'; then
  say "licences, bans and sources of the dependencies"
  "$CARGO_DENY" --locked check bans licenses sources
fi

if differs '^statemachine/.*\.asl\.json$'; then
  say "workflow files: asl-validator"
  setup_node
  for workflow in statemachine/*.asl.json; do
    "$ECG_ASL_VALIDATOR" --json-path "$workflow"
  done
fi

# The crates that a change concerns: those with a changed source or test, and those that include a changed file as text.
crate_of() {
  local folder=$1
  while [ "$folder" != . ]; do
    folder=$(dirname "$folder")
    if [ -f "$folder/Cargo.toml" ] && grep -q '^\[package\]' "$folder/Cargo.toml"; then
      if [[ ${1#"$folder"/} =~ ^((src|tests|examples|benches)/|(build\.rs|Cargo\.toml)$) ]]; then
        sed -n 's/^name = "\(.*\)"$/\1/p' "$folder/Cargo.toml" | head -1
      fi
      return
    fi
  done
}
included=$(git grep --untracked -oE 'include_str!\("[^"]+"\)' -- '*.rs' | while IFS=: read -r file text; do
  path=${text#*\"}
  printf '%s %s\n' "$file" "$(realpath -m --relative-to=. "$(dirname "$file")/${path%\"*}")"
done)
mapfile -t crates < <(for file in "${changed[@]}"; do
  crate_of "$file"
  while read -r by; do crate_of "$by"; done < <(awk -v changed="$file" '$2 == changed { print $1 }' <<<"$included")
done | sort -u)

if [ ${#crates[@]} -gt 0 ]; then
  # The selection of all.sh, so that nothing is checked twice. It includes the crates that depend on a changed one.
  say "lints"
  cargo clippy --workspace --all-features --all-targets --quiet -- -D warnings
fi
for crate in "${crates[@]}"; do
  # Its tests run the whole pipeline.
  [ "$crate" != ecg-tests ] || continue
  say "tests of $crate"
  if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --all-features --package "$crate" --no-fail-fast --no-tests pass \
      --cargo-quiet --status-level fail --final-status-level slow
  else
    cargo test --all-features --package "$crate" --no-fail-fast --quiet --lib --bins --tests
  fi
done

if differs '\.md$'; then
  say "links of the documents"
  cargo test --package ecg-tests --test documents --quiet
fi

if differs '^(infra|functions/(README\.md|steps\.json)|statemachine/.*\.asl\.json|docs/queries\.md)'; then
  say "infrastructure"
  setup_infra
  npm run check --prefix infra --silent
  (cd infra && npx --no-install vitest run --exclude test/security.test.ts --silent)
fi

say "passed; not covered: see the top of tests/quick.sh"
