"""Starts the cloud, deploys, prints how to reach it, and stays until it is interrupted."""

import os
import shlex
import signal
import sys
import threading
from pathlib import Path

from .cloud import Cloud

NEXT = """
The pipeline runs at {AWS_ENDPOINT_URL} until Ctrl-C. With the lines above in a file, in another terminal:

  set -a; . ./cloud.env
  aws s3 cp 'testdata/recordings/1 NSR/900m (0).mat' "s3://$RAW_BUCKET/1 NSR/"    # folder and name say how it is calibrated
  aws s3 cp testdata/malformed/text.mat "s3://$RAW_BUCKET/"                       # no recording at all
  aws stepfunctions list-executions --state-machine-arn "$STATE_MACHINE_ARN" --query 'executions[].[status,name]' --output text
  id=$(aws athena start-query-execution --work-group "$ATHENA_WORKGROUP" --query-execution-context "Database=$GLUE_DATABASE" \\
       --query-string 'select recording_id, quality from recordings' --query QueryExecutionId --output text)
  aws athena get-query-results --query-execution-id "$id" --output text
  cat "$SLACK_LOG"                                  # what Slack was told
  curl -s "$AWS_ENDPOINT_URL/_ministack/health"

`aws` is AWS's command line; there is one in {tools}
"""


def main() -> int:
    """The command."""
    if len(sys.argv) != 2:
        print("usage: python -m driver CDK_OUT", file=sys.stderr)
        return 2
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    print("== deploy", file=sys.stderr)
    cloud = Cloud(Path(sys.argv[1]).resolve())
    try:
        cloud.start()
        variables = cloud.variables | {"CLOUD_PID": str(os.getpid())}
        for name, value in variables.items():
            print(f"{name}={shlex.quote(value)}")
        sys.stdout.flush()
        # Whoever reads these lines gets their end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(NEXT.format(tools=Path(sys.executable).parent, **variables), file=sys.stderr)
        while not interrupted.wait(1):
            cloud.emulator.server.check()
    finally:
        print("== end", file=sys.stderr)
        cloud.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
