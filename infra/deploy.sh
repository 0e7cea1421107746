#!/usr/bin/env bash
# Deploys to the account and the region of the AWS credentials in use. What it deploys is what infra/settings.json says.
#
# Usage: infra/deploy.sh [delivery] [--dry-run]
#
#   infra/deploy.sh             the data pipeline, from this machine; then one recording through it
#   infra/deploy.sh delivery    the delivery, which from then on deploys each commit
#   --dry-run                   checks what is needed, then prints the commands and runs none
set -euo pipefail
cd "$(dirname "$0")/.."

mode=pipeline dry=false
for argument in "$@"; do
  case $argument in
    delivery) mode=delivery ;;
    --dry-run) dry=true ;;
    *) echo "error: expected delivery or --dry-run, found $argument" >&2; exit 2 ;;
  esac
done

missing() {
  echo "error: $*" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
run() {
  printf '+'
  printf ' %q' "$@"
  printf '\n'
  $dry || "$@"
}
root=$PWD
setting() { (cd "$root/infra" && node -p "require('./settings.json').$1"); }

has node || missing "Node: expected version 20 or newer, found none"
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
  missing "Node: expected version 20 or newer, found $(node --version)"
has npm || missing "npm: expected the one that comes with Node, found none"
if [ "$mode" = pipeline ]; then
  has cargo || missing "Rust: expected the stable toolchain, found no cargo (https://rustup.rs)"
  has cc || missing "C compiler: expected cc, found none (Debian: build-essential; macOS: xcode-select --install)"
  has python3 || missing "Python: expected python3, found none"
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing "Python: expected the module venv, found none (Debian: python3-venv)"
fi
name=$(setting name)
repository=$(setting repository)
if [ "$mode" = delivery ] && [ -z "$repository" ]; then
  missing "setting repository: expected the repository to deliver from in infra/settings.json, found none"
fi
has aws || missing "AWS command line: expected aws, found none (pip install awscli)"
account=$(aws sts get-caller-identity --query Account --output text 2>/dev/null) ||
  missing "AWS credentials: expected some that work, found none (aws configure, or aws sso login)"
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[ -n "$region" ] || missing "AWS region: expected AWS_REGION or the region of the profile, found none"
export AWS_REGION=$region

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
outputs=$temporary/outputs.json

if [ "$mode" = pipeline ]; then
  infra/quotas.sh
  stack=$name
  functions=$(node -p "require('node:path').resolve('infra', '$(setting lambdaDir)')")
  run infra/build-functions.sh "$(setting architecture)" "$functions"
else
  # CDK wants files of functions even for a stack that deploys none. Empty ones are safe: only the delivery's own stack
  # is deployed from here. What a stage consists of is published by the delivery, and before it does so it has replaced
  # its own definition by the one that CodeBuild synthesised from a commit, with functions built there.
  stack=$name-delivery
  functions=$temporary/lambda
  steps=$(bash functions/names.sh)
  for step in $steps; do
    mkdir -p "$functions/$step"
    : >"$functions/$step/bootstrap"
  done
fi

run npm ci --prefix infra --no-audit --no-fund
cd infra
# Where somebody has bootstrapped already, people may lack the rights to do it again. Whether it is new enough `cdk deploy`
# checks itself.
if ! aws ssm get-parameter --name /cdk-bootstrap/hnb659fds/version >/dev/null 2>&1; then
  run npx --no-install cdk bootstrap "aws://$account/$region"
fi
cd "$root"
if [ "$mode" = pipeline ]; then
  run infra/before-deployment.sh "$stack" "$temporary/before.json"
fi
cd infra
# Whoever types this wants it; `npx cdk diff` shows beforehand which rights change.
run npx --no-install cdk deploy "$stack" --require-approval never --outputs-file "$outputs" -c "lambdaDir=$functions"

cd "$root"
if [ "$mode" = pipeline ]; then
  run infra/smoke-test.sh "$stack" "$temporary/before.json"
  run infra/prune-versions.sh "$stack"
fi

output() {
  if $dry; then
    echo "<$1>"
  else
    node -p "require('$outputs')['$stack'].$1"
  fi
}
printf '\nAfter that, with %s in account %s, region %s:\n\n' "$stack" "$account" "$region"
if [ "$mode" = pipeline ]; then
  echo "  aws s3 cp --recursive testdata/recordings/header s3://$(output RawBucketName)/header/"
  echo "  aws stepfunctions list-executions --state-machine-arn $(output StateMachineArn) --query 'executions[].[status,name]' --output text"
else
  echo "  git push          # commit infra/settings.json first: the delivery reads it from branch $(setting branch) of $repository"
  echo "  aws codepipeline list-pipeline-executions --pipeline-name $(output PipelineName)"
fi
