#!/usr/bin/env bash
# What has to be known and done before a deployment: writes to FILE which version of the workflow new executions take, for
# infra/smoke-test.sh to go back to. FILE is empty where there is none yet.
#
# Usage: infra/before-deployment.sh STACK FILE
set -euo pipefail
# shellcheck source=infra/deployed.sh
. "$(dirname "$0")/deployed.sh"
stack=${1:?stack: expected its name, found none}
file=${2:?file: expected where to write, found none}
: >"$file"

if ! read_stack "$stack"; then
  echo "$stack is deployed for the first time"
  exit 0
fi
alias=$(output StateMachineAliasArn)
if [ -z "$alias" ]; then
  echo "$stack has no alias yet"
  exit 0
fi
aws stepfunctions describe-state-machine-alias --state-machine-alias-arn "$alias" --query routingConfiguration --output json >"$file"
echo "new executions take $(routing "$file")"

# A deployment that was rolled back leaves the versions that it published, since executions may still need them. Lambda
# publishes no version that equals the newest one, and CloudFormation fails where none is published: the same code could not
# be deployed again. So what is deployed now becomes the newest version once more.
case $stack_status in
  *ROLLBACK*)
    steps=$(bash "$(dirname "$0")/../functions/names.sh")
    for step in $steps; do
      if ! said=$(aws lambda publish-version --function-name "$stack-$step" --query FunctionArn --output text 2>&1); then
        # The deployment that was rolled back was the first with this function: it is gone, and the role of a delivery does not know it.
        case $said in
          *ResourceNotFoundException* | *AccessDenied*) ;;
          *) fail "function $stack-$step" 'a version of it' "$said" 'infra/deploy.sh once more' ;;
        esac
      fi
      echo "$said"
    done
    ;;
esac
