#!/usr/bin/env bash
# Removes versions of the workflow and of its functions that nothing can need any more; to be run after a deployment.
#
# Usage: infra/prune-versions.sh STACK
#
# An execution can be redriven for 14 days, and then calls the versions of its own definition. A backfill may run for 7 days
# before that. So a version is kept for 22 days after its last use, and as long as a definition names it.
set -euo pipefail
# shellcheck source=infra/deployed.sh
. "$(dirname "$0")/deployed.sh"
stack=${1:?stack: expected its name, found none}
days=22

# Whether a point in time lies that far back. The command line writes it as text or as seconds, depending on its version.
old() {
  node -e '
    const [at, days] = process.argv.slice(1);
    const milliseconds = /^[\d.]+$/.test(at) ? Number(at) * 1000 : Date.parse(at);
    process.exit(milliseconds < Date.now() - Number(days) * 86400e3 ? 0 : 1);
  ' "$1" "$days"
}

read_stack "$stack" || fail "stack $stack" 'one that is deployed' none "infra/deploy.sh"
machine=$(output StateMachineArn)
current="$(output StateMachineVersionArn) $(aws stepfunctions describe-state-machine-alias --state-machine-alias-arn "$(output StateMachineAliasArn)" \
  --query 'routingConfiguration[].stateMachineVersionArn' --output text)"

definitions=''
define() {
  definitions+=$(aws stepfunctions describe-state-machine --state-machine-arn "$1" --query definition --output text)
}
define "$machine"
define "$(output NetStateMachineArn)"
define "$(output BackfillStateMachineArn)"

versions=$(aws stepfunctions list-state-machine-versions --state-machine-arn "$machine" \
  --query 'stateMachineVersions[].[stateMachineVersionArn,creationDate]' --output text)
while read -r version created; do
  [ -n "$version" ] || continue
  last=$(aws stepfunctions list-executions --state-machine-arn "$version" --max-results 1 --no-paginate --query 'executions[0].startDate' --output text)
  if [[ " $current " != *[[:space:]]"$version"[[:space:]]* ]] && old "$created" && { [ "$last" = None ] || old "$last"; }; then
    echo "removing $version"
    aws stepfunctions delete-state-machine-version --state-machine-version-arn "$version"
  else
    define "$version"
  fi
done <<<"$versions"

steps=$(bash "$(dirname "$0")/../functions/names.sh")
for step in $steps; do
  function=$stack-$step
  # Oldest first; $LATEST is no version. A version was in use until the next one came.
  versions=$(aws lambda list-versions-by-function --function-name "$function" --query 'Versions[?Version!=`$LATEST`].[Version,LastModified]' --output text | sort -n)
  version=''
  while read -r next modified; do
    if [ -n "$version" ] && old "$modified" && [[ $definitions != *":$function:$version\""* ]]; then
      echo "removing $function:$version"
      aws lambda delete-function --function-name "$function" --qualifier "$version"
    fi
    version=$next
  done <<<"$versions"
done
