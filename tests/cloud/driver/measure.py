"""How long each function works and how much memory it takes, for a strip, half an hour and a day: `tests/cloud.sh --measure`.

Prints two tables: what each function takes, and what a recording costs besides (calls that are paid for, state transitions,
bytes of objects and of logs), which go into docs/cost/inputs.py. The functions are what ECG_CDK_OUT was synthesised with: build them as they deploy (functions/README.md) and
give their folder as ECG_LAMBDA_DIR, or the numbers are those of a development build. Times are those of this machine, memory is
the most that the process ever held; what Lambda's own runtime takes comes on top.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from .cloud import FUNCTIONS, Cloud, Execution, unique
from .proxy import Call

# What is uploaded, and how often: the median of the times counts.
RECORDINGS = {
    "10 s, 1 lead": (("--duration", "10s", "--leads", "1"), 20),
    "30 min, 2 leads": (("--duration", "30m", "--leads", "2"), 5),
    "24 h, 2 leads": (("--duration", "24h", "--leads", "2"), 2),
}


def peak_mb(function: str) -> float:
    """The most that a process of this function has held so far, in MB."""
    peak = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
            if f"AWS_LAMBDA_FUNCTION_NAME=ecg-pipeline-{function}".encode() in environment:
                [line] = [line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM")]
                peak = max(peak, int(line.split()[1]))
        except (OSError, ValueError):
            pass  # It has ended meanwhile, or is not ours.
    return peak * 1024 / 1e6


def latencies(cloud: Cloud, function: str, ids: set[str]) -> list[float]:
    """Milliseconds of each invocation that was about one of these recordings, from the function's own metrics."""
    lines = [json.loads(line) for line in cloud.logs(function) if '"_aws"' in line]
    if function == "start":
        # Its metrics are about a batch: those that started something.
        return [line["Latency"] for line in lines if line.get("Files")]
    return [line["Latency"] for line in lines if line.get("recording_id") in ids]


def paid_for(cloud: Cloud, executions: list[Execution], calls: list[Call]) -> dict[str, float]:
    """What one recording makes that is paid for by number or by size, on average."""
    writes = [call for call in calls if call.service == "s3" and call.method in ("PUT", "POST")]
    reads = [call for call in calls if call.service == "s3" and call.method in ("GET", "HEAD")]
    states = cloud.client("stepfunctions")
    histories = [states.get_execution_history(executionArn=one.arn, maxResults=1000)["events"] for one in executions]
    ids = {one.recording_id for one in executions}
    logged = sum(len(line) for function in FUNCTIONS for line in cloud.logs(function) if any(one in line for one in ids))
    s3 = cloud.client("s3")

    def kept(bucket: str) -> int:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=cloud.outputs[bucket])
        entries = [entry for page in pages for entry in page.get("Contents", [])]
        return sum(entry["Size"] for entry in entries if any(one in entry["Key"] for one in ids))

    totals = {
        "S3 writes": len(writes),
        "S3 reads": len(reads),
        "Glue calls": sum(call.service == "glue" for call in calls),
        "transitions": sum(event["type"].endswith("StateEntered") for events in histories for event in events),
        "tables, KB": kept("ProcessedBucketName") / 1e3,
        "work objects, KB": kept("WorkBucketName") / 1e3,
        "functions' logs, KB": logged / 1e3,
        "history, KB": sum(len(json.dumps(event, default=str)) for events in histories for event in events) / 1e3,
    }
    return {what: total / len(executions) for what, total in totals.items()}


def measured(cloud: Cloud, ecg: str, folder: Path):
    """Per recording its name, size in MB, what it makes that is paid for, and of each function milliseconds and MB."""
    for what, (arguments, times) in RECORDINGS.items():
        source = folder / "recording.mat"
        subprocess.run([ecg, "synth", source, *arguments], check=True, capture_output=True)
        executions = []
        before = len(cloud.proxy.calls())
        prefix = unique("measure")
        for number in range(times):
            for path in sorted(folder.iterdir(), key=lambda path: path.suffix == ".mat"):
                cloud.put(f"{prefix}{number}/{path.name}", path.read_bytes())
            executions.append(cloud.succeeded(f"{prefix}{number}/recording.mat", seconds=900))
        ids = {one.recording_id for one in executions}
        functions = {function: (statistics.median(found), peak_mb(function))
                     for function in FUNCTIONS if (found := latencies(cloud, function, ids))}
        yield what, source.stat().st_size / 1e6, paid_for(cloud, executions, cloud.proxy.calls()[before:]), functions
        for path in folder.iterdir():
            path.unlink()


def main() -> int:
    """The command."""
    if len(sys.argv) != 3:
        print("usage: python -m driver.measure CDK_OUT ECG", file=sys.stderr)
        return 2
    cloud = Cloud(Path(sys.argv[1]).resolve())
    try:
        cloud.start()
        others = []
        print("| recording | upload | function | time | peak memory |")
        print("| --- | ---: | --- | ---: | ---: |")
        with tempfile.TemporaryDirectory(prefix="ecg-measure-") as folder:
            for what, upload, paid, functions in measured(cloud, sys.argv[2], Path(folder)):
                for function, (milliseconds, peak) in functions.items():
                    print(f"| {what} | {upload:.2f} MB | `{function}` | {milliseconds:.1f} ms | {peak:.0f} MB |", flush=True)
                others.append((what, paid))
        print(f"\n| recording | {' | '.join(others[0][1])} |")
        print(f"| --- |{' ---: |' * len(others[0][1])}")
        for what, paid in others:
            print(f"| {what} | {' | '.join(f'{value:.1f}' for value in paid.values())} |")
    finally:
        cloud.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
