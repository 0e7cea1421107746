"""From the start of a function's process to its first request for an event, ours beside Python.

Ours are the functions as they deploy, from the folder ECG_LAMBDA_DIR with `<name>/bootstrap` in it; without it the row says so.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import report

STARTS = 10

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
}


def table() -> str:
    commands = {name: [sys.executable, "-B", "-c", f"{imports}; {ASK}"] for name, imports in IMPORTS.items()}
    folder = os.environ.get("ECG_LAMBDA_DIR")
    if folder:
        commands = {"ours (parse)": [str(Path(folder) / "parse" / "bootstrap")]} | commands
    times: dict[str, list[float]] = {name: [] for name in commands}
    # The first round only fetches the files into memory.
    for turn in range(STARTS + 1):
        for name, command in commands.items():
            taken = to_first_poll(command)
            if turn:
                times[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    ours = medians.get("ours (parse)")
    rows = [[name, f"{time * 1e3:.1f} ms", report.ratio(ours, time) if ours else "-"] for name, time in medians.items()]
    if not ours:
        rows.insert(0, ["ours: not measured, ECG_LAMBDA_DIR is not set", "-", "-"])
    return "\n".join(["## Cold start to the first poll\n", report.table(["", "time", "ours / this"], rows)])


def to_first_poll(command: list[str]) -> float:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        address = "{}:{}".format(*server.getsockname())
        environment = VARIABLES | {"AWS_LAMBDA_RUNTIME_API": address, "HOME": os.environ.get("HOME", "/")}
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
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
