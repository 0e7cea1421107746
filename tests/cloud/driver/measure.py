"""How long each function works and how much memory it takes, for a strip, half an hour and a day: `tests/cloud.sh --measure`.

Prints a table. The functions are what ECG_CDK_OUT was synthesised with: build them as they deploy (functions/README.md) and
give their folder as ECG_LAMBDA_DIR, or the numbers are those of a development build. Times are those of this machine, memory is
the most that the process ever held; what Lambda's own runtime takes comes on top.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from .cloud import FUNCTIONS, Cloud, unique

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


def measured(cloud: Cloud, ecg: str, folder: Path):
    """A row per recording and function: size of the upload, median milliseconds, peak memory."""
    for what, (arguments, times) in RECORDINGS.items():
        source = folder / "recording.mat"
        subprocess.run([ecg, "synth", source, *arguments], check=True, capture_output=True)
        ids = set()
        prefix = unique("measure")
        for number in range(times):
            for path in sorted(folder.iterdir(), key=lambda path: path.suffix == ".mat"):
                cloud.put(f"{prefix}{number}/{path.name}", path.read_bytes())
            ids.add(cloud.succeeded(f"{prefix}{number}/recording.mat", seconds=900).recording_id)
        for function in FUNCTIONS:
            found = latencies(cloud, function, ids)
            if found:
                yield what, source.stat().st_size / 1e6, function, statistics.median(found), peak_mb(function)
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
        print("| recording | upload | function | time | peak memory |")
        print("| --- | ---: | --- | ---: | ---: |")
        with tempfile.TemporaryDirectory(prefix="ecg-measure-") as folder:
            for what, upload, function, milliseconds, peak in measured(cloud, sys.argv[2], Path(folder)):
                print(f"| {what} | {upload:.2f} MB | `{function}` | {milliseconds:.1f} ms | {peak:.0f} MB |", flush=True)
    finally:
        cloud.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
