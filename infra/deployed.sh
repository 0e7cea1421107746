# shellcheck shell=bash
# Functions about a stack that is deployed; sourced by the scripts beside it. They need the AWS command line with
# credentials and a region, and Node. AWS_ENDPOINT_URL counts, so they work on an emulator as well.

# Not for people to page through.
export AWS_PAGER=''

# Says what was expected, what was found and what to do next, and ends the script.
fail() {
  printf 'error: %s: expected %s, found %s\nnext: %s\n' "$1" "$2" "$3" "$4" >&2
  exit 1
}

# Reads status and outputs of the stack $1, for `output` and the scripts. Answers 1 if it does not exist.
read_stack() {
  local said
  if ! said=$(aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].StackStatus' --output text 2>&1); then
    case $said in
      *"does not exist"*) return 1 ;;
      *) fail "stack $1" 'its description' "$said" 'aws sts get-caller-identity' ;;
    esac
  fi
  # shellcheck disable=SC2034
  stack_status=$said
  stack_outputs=$(aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text)
}

# Prints the output $1 of that stack; nothing if it has none of that name.
output() {
  local name value
  while read -r name value; do
    if [ "$name" = "$1" ]; then
      echo "$value"
    fi
  done <<<"$stack_outputs"
}

# Prints which versions new executions take, from a file with the routing of the alias.
routing() {
  node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).map((to) => `${to.stateMachineVersionArn} (${to.weight} %)`).join(", ")' "$1"
}
