"""From the start of a function's process to its first request for an event: ours beside Python, or each of ours with its size.

    cold_start.py FOLDER

FOLDER has `<name>/bootstrap` in it, as `cargo lambda build` leaves them. `tests/bench.sh` compares with Python; there ECG_LAMBDA_DIR is
the folder, and without it the row says so. This is the part of a cold start that is ours; Lambda's own (a machine, the download of the
code) comes on top and can only be measured there.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import report

# What a function in Python imports before it asks for an event, and how it asks.
ASK = "import os, urllib.request as r; r.urlopen(f'http://{os.environ[\"AWS_LAMBDA_RUNTIME_API\"]}/2018-06-01/runtime/invocation/next')"
IMPORTS = {
    "lean": "import numpy, scipy.io, pyarrow.parquet",
    "pandas": "import numpy, scipy.io, pandas, pyarrow.parquet",
    "NeuroKit2": "import neurokit2",
}

VARIABLES = {
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "RAW_BUCKET": "raw",
    "WORK_BUCKET": "work",
    "PROCESSED_BUCKET": "processed",
    "SLACK_SECRET": "slack",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:ecg-pipeline",
}


def table() -> str:
    commands = {name: [sys.executable, "-B", "-c", f"{imports}; {ASK}"] for name, imports in IMPORTS.items()}
    folder = os.environ.get("ECG_LAMBDA_DIR")
    if folder:
        commands = {"ours (parse)": [str(Path(folder) / "parse" / "bootstrap")]} | commands
    medians = {name: statistics.median(taken) for name, taken in in_turn(commands, 10).items()}
    ours = medians.get("ours (parse)")
    rows = [[name, f"{time * 1e3:.1f} ms", report.ratio(ours, time) if ours else "-"] for name, time in medians.items()]
    if not ours:
        rows.insert(0, ["ours: not measured, ECG_LAMBDA_DIR is not set", "-", "-"])
    return "\n".join(["## Cold start to the first poll\n", report.table(["", "time", "ours / this"], rows)])


def functions(folder: Path) -> str:
    steps = json.loads((Path(__file__).parents[2] / "functions" / "steps.json").read_text())["steps"]
    binaries = {name: folder / name / "bootstrap" for name in steps}
    rows = []
    for name, times in in_turn({name: [str(binary)] for name, binary in binaries.items()}, 30).items():
        shown = (f"{time * 1e3:.1f} ms" for time in (statistics.median(times), min(times), max(times)))
        rows.append([f"`{name}`", f"{binaries[name].stat().st_size / 1e6:.1f} MB", *shown])
    return report.table(["function", "binary", "median", "fastest", "slowest"], rows)


def in_turn(commands: dict[str, list[str]], starts: int) -> dict[str, list[float]]:
    """The times of each: one of each in turn, so that a busy moment of the machine does not fall on one of them."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    # The first round only fetches the files into memory.
    for turn in range(starts + 1):
        for name, command in commands.items():
            taken = to_first_poll(command)
            if turn:
                times[name].append(taken)
    return times


def to_first_poll(command: list[str]) -> float:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        address = "{}:{}".format(*server.getsockname())
        environment = VARIABLES | {"AWS_LAMBDA_RUNTIME_API": address, "HOME": os.environ.get("HOME", "/")}
        begun = time.perf_counter()
        # What Python says of the connection that is closed in the end is no news.
        quiet = subprocess.DEVNULL if command[0] == sys.executable else None
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=quiet)
        try:
            connection, _ = server.accept()
            with connection:
                line = connection.makefile("rb").readline()
            taken = time.perf_counter() - begun
        finally:
            process.kill()
            process.wait()
    if b"/invocation/next" not in line:
        sys.exit(f"{command[0]}: expected a request for an event, found {line!r}")
    return taken


if __name__ == "__main__":
    print(functions(Path(sys.argv[1])))
