#!/usr/bin/env bash
# Says what the quotas of the account allow, and how to ask for more. More uploads than that wait, and none is rejected; so this
# never stops a deployment.
#
# Usage: infra/quotas.sh      for the account and the region of the AWS credentials in use
set -euo pipefail
export AWS_PAGER=''
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
# A recording of ten seconds is in functions for 0.6 s, counted as one, and makes 5 transitions (docs/cost.md; tests/python/cost_model.py compares).
recording_s=1 transitions=5
# The quota of Lambda has the same code in every account.
concurrency=L-B99A9384

echo "What this account allows in $region, in recordings of ten seconds (how the numbers come about: infra/README.md, Quotas):"
if limits=$(aws lambda get-account-settings --query 'AccountLimit.[ConcurrentExecutions,UnreservedConcurrentExecutions]' --output text 2>/dev/null) &&
  read -r all free <<<"$limits" && [[ $free =~ ^[0-9]+$ ]]; then
  echo "  Lambda: $free of $all concurrent executions are not reserved: about $((free / recording_s)) recordings a second"
else
  all=0
  echo "  Lambda: could not be read (lambda:GetAccountSettings); many new accounts have 10 concurrent executions: about $((10 / recording_s)) recordings a second"
fi
# Documented; where Service Quotas may be asked, what it says of these two counts.
case $region in
  us-east-1 | us-west-2 | eu-west-1) starts=300 moves=5000 ;;
  *) starts=150 moves=800 ;;
esac
slowest=$((moves / transitions < starts ? moves / transitions : starts))
echo "  Step Functions: $starts executions and $moves transitions a second unless raised: about $slowest recordings a second"
if found=$(aws service-quotas list-service-quotas --service-code states \
  --query "Quotas[?contains(QuotaName, 'StartExecution') || contains(QuotaName, 'StateTransition')].[Value,QuotaCode,QuotaName]" --output text 2>/dev/null) &&
  [[ $found == *L-* ]]; then
  while read -r value code name; do
    echo "    this account: $value $name ($code)"
  done <<<"$found"
else
  echo "    whether this account has more could not be read (servicequotas:ListServiceQuotas)"
fi
if [ "$all" -lt 1000 ]; then
  echo "  To ask for more: aws service-quotas request-service-quota-increase --service-code lambda --quota-code $concurrency --desired-value 1000"
fi
echo "  Of Step Functions: the same with --service-code states and the code of the quota (aws service-quotas list-service-quotas --service-code states)"
