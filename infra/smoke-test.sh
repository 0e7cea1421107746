#!/usr/bin/env bash
# Sends one small recording through a deployed pipeline and asks Athena for its row. Then removes it again, also when that
# failed. When it failed, new executions go back to the version before the deployment.
#
# Usage: infra/smoke-test.sh STACK [FILE]
#
#   FILE                  what infra/before-deployment.sh wrote before this deployment
#   SMOKE_TEST_SECONDS    how long the recording may take; 600, which is what is promised
#
# What stays: the history of the execution, log lines, and where the recording was the first of its day, partitions without rows.
# Removing those could hide the rows of an upload that arrives at the same moment.
set -euo pipefail
# shellcheck source=infra/deployed.sh
. "$(dirname "$0")/deployed.sh"
stack=${1:?stack: expected its name, found none}
before=${2:-}
seconds=${SMOKE_TEST_SECONDS:-600}
tables='recordings segments beats windows rejections'
# Folder and name say what the calibration is (shared/recording/src/profiles.toml), so no header has to lie beside it.
fixture='1 NSR/900m (0).mat'
# Short enough for the recording id to begin with `smoke-test-`: the role that this runs under in a delivery may remove nothing else.
key="smoke-test/$(date +%s)-$RANDOM/$fixture"

name='' status=none day='' results=''
temporary=$(mktemp -d)

end() {
  local code=$?
  trap - EXIT
  set +e
  if [ $code -ne 0 ]; then
    go_back
  fi
  if ! remove_traces; then
    echo "error: not everything of $key could be removed" >&2
    code=1
  fi
  rm -rf "$temporary"
  exit $code
}

go_back() {
  if [ -z "$before" ] || [ ! -s "$before" ]; then
    echo "there is no version before this one to go back to: new executions go on taking it" >&2
    return
  fi
  if grep -qF "\"$version\"" "$before"; then
    echo "this deployment published no version of the workflow: there is none to go back to" >&2
    return
  fi
  if aws stepfunctions update-state-machine-alias --state-machine-alias-arn "$alias" --routing-configuration "file://$before" >/dev/null; then
    echo "new executions take the version before again: $(routing "$before")" >&2
  else
    echo "error: alias: could not be pointed back. next: aws stepfunctions update-state-machine-alias --state-machine-alias-arn $alias" \
      "--routing-configuration '$(tr -d '\n' <"$before")'" >&2
  fi
}

# Every version of the objects in bucket $1 whose keys begin with $2; with the option $3, if there is one.
remove() {
  local found object version
  found=$(aws s3api list-object-versions --bucket "$1" --prefix "$2" --query '[Versions,DeleteMarkers][].[Key,VersionId]' --output text) || return
  while IFS=$'\t' read -r object version; do
    if [ -n "$version" ]; then
      aws s3api delete-object --bucket "$1" --key "$object" --version-id "$version" ${3:-} >/dev/null || return
    fi
  done <<<"$found"
}

remove_traces() {
  local table location
  remove "$raw" "${key%"$fixture"}" "$bypass" || return
  if [ "$status" = RUNNING ]; then
    # The net records what was stopped. After that nothing is written any more.
    aws stepfunctions stop-execution --execution-arn "$execution" >/dev/null || return
    for _ in $(seq 60); do
      [ "$(aws s3api list-object-versions --bucket "$processed" --prefix "rejections/dt=$day/$name.parquet" --query 'length(Versions || `[]`)' --output text)" = 0 ] || break
      sleep 5
    done
  fi
  if [ -n "$day" ]; then
    for table in $tables; do
      remove "$processed" "$table/dt=$day/$name.parquet" || return
    done
    remove "$work" "$name/" || return
  fi
  for location in $results; do
    location=${location#s3://}
    remove "${location%%/*}" "${location#*/}" || return
  done
}

# Waits a little, unless the time is over.
wait_for() {
  if [ $SECONDS -ge "$seconds" ]; then
    fail "$1" "$2 within $seconds s" "$3" "$4"
  fi
  sleep 3
}

read_stack "$stack" || fail "stack $stack" 'one that is deployed' none "infra/deploy.sh"
raw=$(output RawBucketName) work=$(output WorkBucketName) processed=$(output ProcessedBucketName)
machine=$(output StateMachineArn) alias=$(output StateMachineAliasArn) version=$(output StateMachineVersionArn)
workgroup=$(output WorkgroupName) database=$(output DatabaseName)
# Where uploads are locked, a delivery may remove its own all the same.
bypass=''
[ -z "$(output ObjectLockDays)" ] || bypass=--bypass-governance-retention
logs="aws logs tail /aws/lambda/$stack-start --since 15m"
trap end EXIT

# A deployment that changes nothing does not move the alias, for instance one that is repeated after this test had failed.
now=$(aws stepfunctions describe-state-machine-alias --state-machine-alias-arn "$alias" --query 'routingConfiguration[].[stateMachineVersionArn,weight]' --output text)
if [ "$now" != "$version"$'\t100' ]; then
  echo "new executions did not all take the version of this deployment, and do from now on: $version"
  aws stepfunctions update-state-machine-alias --state-machine-alias-arn "$alias" --routing-configuration "stateMachineVersionArn=$version,weight=100" >/dev/null
fi

echo "uploading $key"
object_version=$(aws s3api put-object --bucket "$raw" --key "$key" --body "$(dirname "$0")/../testdata/recordings/$fixture" --query VersionId --output text)
aws s3api head-object --bucket "$raw" --key "$key" --version-id "$object_version" --output json >"$temporary/head.json"

# start says what the execution of an object is called, as it does for a backfill.
node -e '
  const [bucket, key, head] = process.argv.slice(1);
  console.log(JSON.stringify({ bucket, key, head: JSON.parse(require("fs").readFileSync(head)) }));
' "$raw" "$key" "$temporary/head.json" >"$temporary/request.json"
until error=$(aws lambda invoke --function-name "$stack-start" --payload "fileb://$temporary/request.json" "$temporary/answer.json" 2>&1 >/dev/null); do
  wait_for 'function start' 'an answer' "$error" "$logs"
done
name=$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).name ?? ""' "$temporary/answer.json")
[ -n "$name" ] || fail 'function start' 'the name of an execution' "$(cat "$temporary/answer.json")" "$logs"
execution=${machine/:stateMachine:/:execution:}:$name

echo "waiting for $execution"
until [ "$status" = SUCCEEDED ]; do
  if aws stepfunctions describe-execution --execution-arn "$execution" --output json >"$temporary/execution.json" 2>"$temporary/error"; then
    status=$(node -p 'require(process.argv[1]).status' "$temporary/execution.json")
    day=$(node -p 'new Date(JSON.parse(require(process.argv[1]).input).source.uploaded_at_ms).toISOString().slice(0, 10)' "$temporary/execution.json")
  elif ! grep -q ExecutionDoesNotExist "$temporary/error"; then
    fail 'execution' 'its description' "$(cat "$temporary/error")" "aws stepfunctions describe-execution --execution-arn $execution"
  fi
  case $status in
    SUCCEEDED) ;;
    none) wait_for 'execution of the upload' 'one' 'none: S3, the queue or start did not start it' "$logs" ;;
    RUNNING) wait_for 'execution of the upload' 'SUCCEEDED' 'RUNNING: does it wait for capacity?' "ecg show $name --aws --state-machine $stack" ;;
    *)
      fail 'execution of the upload' SUCCEEDED \
        "$(node -p 'const { status, error, cause } = require(process.argv[1]); [status, error, cause].filter(Boolean).join(": ")' "$temporary/execution.json")" \
        "ecg show $name --aws --state-machine $stack"
      ;;
  esac
done

sql="select source_key, calibration_source, leads from recordings where dt = '$day' and recording_id = '$name'"
expected="$key"$'\tprofile:plawiak-2017\t1'
echo "asking: $sql"
found='' location=''
until [ "$found" = "$expected" ]; do
  query=$(aws athena start-query-execution --work-group "$workgroup" --query-execution-context "Database=$database" --query-string "$sql" --query QueryExecutionId --output text)
  state=QUEUED
  while [ "$state" = QUEUED ] || [ "$state" = RUNNING ]; do
    sleep 1
    read -r state location < <(aws athena get-query-execution --query-execution-id "$query" --query 'QueryExecution.[Status.State,ResultConfiguration.OutputLocation]' --output text)
    [ $SECONDS -lt "$seconds" ] || break
  done
  results="$results $location"
  if [ "$state" = SUCCEEDED ]; then
    found=$(aws athena get-query-results --query-execution-id "$query" --query 'ResultSet.Rows[1:].Data[].VarCharValue' --output text)
  else
    found="$state: $(aws athena get-query-execution --query-execution-id "$query" --query QueryExecution.Status.StateChangeReason --output text)"
  fi
  # With a Glue crawler the row comes minutes later.
  [ "$found" = "$expected" ] || wait_for "row in $database.recordings" "$expected" "${found:-none}" "the query in Athena, workgroup $workgroup: $sql"
done
echo "the pipeline works: $found, after $SECONDS s"
