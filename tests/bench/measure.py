"""Whole processes on the same recordings: `ecg run` beside Python. Prints Markdown; `tests/bench.sh` calls it.

    measure.py ECG CACHE [--size tiny|quick|all|large] [--binary OTHER_ECG]

The recordings are synthetic (`ecg synth`) and stay in the folder CACHE. The contenders take turns, round after round, and the
medians count. Nothing is asserted about time.

Only the standard library is imported: a child's peak of memory is never below what this process holds when it starts it.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import cold_start
import report

HERE = Path(__file__).parent
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

# How many executions are asked for their histories.
HISTORIES = 40


@dataclass(frozen=True)
class Work:
    """Recordings of one kind, who processes them, and how often."""

    name: str
    arguments: tuple[str, ...]
    count: int = 1
    rounds: int = 5
    contenders: tuple[str, ...] = ("lean", "pandas")


PEAKS = ("lean", "pandas", "NeuroKit2 peaks")
NEUROKIT = (*PEAKS, "NeuroKit2")
HALF_HOUR = ("--duration", "30m", "--leads", "2")
DAY = ("--duration", "24h", "--leads", "2")


def fragments(count: int, rounds: int, contenders: tuple[str, ...] = ("lean", "pandas")) -> Work:
    return Work(f"{count:,} of 10 s", ("--duration", "10s"), count, rounds, contenders)


QUICK = [
    fragments(1, 3, PEAKS),
    fragments(100, 3),
    Work("30 min x 2 leads", HALF_HOUR, rounds=3, contenders=PEAKS),
    Work("2 h x 2 leads, level 5 compressed", ("--duration", "2h", "--leads", "2", "--format", "mat5-compressed"), rounds=3),
]
ALL = [
    fragments(1, 11, NEUROKIT),
    fragments(100, 5, NEUROKIT),
    fragments(2000, 3),
    Work("30 min x 2 leads", HALF_HOUR, rounds=3, contenders=NEUROKIT),
    Work("24 h x 2 leads, level 4", DAY, rounds=3),
    Work("24 h x 2 leads, level 5 compressed", (*DAY, "--format", "mat5-compressed"), rounds=3),
]
SIZES = {
    "tiny": [fragments(2, 1, NEUROKIT)],
    "quick": QUICK,
    "all": ALL,
    "large": [*ALL, fragments(10_000, 1), fragments(100_000, 1)],
}

SCRIPTS = {
    "lean": ("pyarrow", "lean.py"),
    "pandas": ("pandas", "pandas_way.py"),
    "NeuroKit2": ("neurokit2", "neurokit.py", "process"),
    "NeuroKit2 peaks": ("neurokit2", "neurokit.py", "peaks"),
}


@dataclass(frozen=True)
class Run:
    """What one process took, its children included, and what it left."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    files: int
    disk_bytes: int


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("ecg")
    arguments.add_argument("cache")
    arguments.add_argument("--size", choices=SIZES, default="all")
    arguments.add_argument("--binary")
    chosen = arguments.parse_args()
    place = Path(chosen.cache)
    ours = {"ours": chosen.ecg} | ({"other ecg": chosen.binary} if chosen.binary else {})

    print(machine(chosen.ecg, place), flush=True)
    results = {}
    steps = {}
    # Removed at the end only: where files were removed in the last minutes ext4 makes new ones slowly, and nobody shall pay
    # for what another left.
    out = place / "out"
    shutil.rmtree(out, ignore_errors=True)
    for work in SIZES[chosen.size]:
        say(f"{work.name}: making the recordings")
        folder = make(work, chosen.ecg, place)
        results[work.name], steps[work.name] = compare(work, folder, ours, out)
    print(report.whole(results))
    print(report.growth({work.name: (work.count, results[work.name]) for work in SIZES[chosen.size]}))
    # As many as `ecg run` has under way.
    print(report.by_step(steps, 2 * PROCESSORS))
    shutil.rmtree(out, ignore_errors=True)
    if chosen.size != "tiny":
        say("cold start")
        print(cold_start.table())


def say(text: str) -> None:
    print(f"   {text}", file=sys.stderr, flush=True)


def make(work: Work, ecg: str, place: Path) -> Path:
    """The folder of the recordings: made once, each with a seed of its own. Equal arguments give equal bytes."""
    name = "-".join(word.lstrip("-") for word in work.arguments)
    pool = place / "recordings" / name
    pool.mkdir(parents=True, exist_ok=True)

    def synth(number: int) -> Path:
        file = pool / f"r{number:06}.mat"
        if not file.exists():
            command = [ecg, "synth", file, *work.arguments, "--seed", str(number)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return file

    with ThreadPoolExecutor(PROCESSORS) as threads:
        files = list(threads.map(synth, range(1, work.count + 1)))
    folder = place / "work" / f"{name}-{work.count}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in files:
        for link in (file, file.with_suffix(".hea")):
            os.link(link, folder / link.name)
            # So that the first of them does not read from the disk what the others find in memory.
            link.read_bytes()
    return folder


def compare(work: Work, folder: Path, ours: dict[str, str], outputs: Path) -> tuple[dict[str, Run], dict]:
    """The median of each contender, and how long the steps of ours took in the last round."""
    contenders = [*ours, *(name for name in work.contenders if installed(SCRIPTS[name][0]))]
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    steps: dict = {}
    for turn in range(1, work.rounds + 1):
        for name in contenders:
            out = outputs / f"{folder.name}-{turn}-{contenders.index(name)}"
            out.mkdir(parents=True)
            if name in ours:
                command = [ours[name], "run", folder, "--lake", out / "lake"]
            else:
                _, script, *more = SCRIPTS[name]
                command = [sys.executable, "-B", HERE / script, *more, folder, out]
            runs[name].append(measured(command, out))
            say(f"{work.name}: round {turn} of {work.rounds}, {name}: {runs[name][-1].seconds:.2f} s")
            if name == "ours" and turn == work.rounds:
                steps = histories(ours[name], out / "lake") | {"count": work.count, "seconds": runs[name][-1].seconds}
    return {name: median(taken) for name, taken in runs.items()}, steps


@cache
def installed(module: str) -> bool:
    found = importlib.util.find_spec(module) is not None
    if not found:
        print(f"skipped: {module} is not installed\n", flush=True)
    return found


def measured(command: list, out: Path) -> Run:
    """Runs a command. What others left to be written to the disk is written before."""
    os.sync()
    log = out.parent / "log"
    words = [str(word) for word in command]
    with log.open("wb") as sink:
        actions = [(os.POSIX_SPAWN_DUP2, sink.fileno(), 1), (os.POSIX_SPAWN_DUP2, sink.fileno(), 2)]
        begun = time.perf_counter()
        process = os.posix_spawn(words[0], words, os.environ, file_actions=actions)
        _, status, used = os.wait4(process, 0)
        seconds = time.perf_counter() - begun
    if status != 0:
        sys.exit(f"{' '.join(words)}: expected exit status 0, found wait status {status}\n{log.read_text()[-2000:]}")
    # Linux counts in units of 1024 bytes, macOS in bytes.
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(seconds, used.ru_utime + used.ru_stime, peak, *left(out))


def left(out: Path) -> tuple[int, int]:
    """Files below a folder, and the bytes that they take on the disk; what has several names counts once."""
    files, blocks = 0, {}
    for folder, _, names in os.walk(out):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            files += 1
            blocks[status.st_dev, status.st_ino] = status.st_blocks * 512
    return files, sum(blocks.values())


def median(runs: list[Run]) -> Run:
    def middle(field: str) -> float:
        return statistics.median(getattr(run, field) for run in runs)

    return Run(*(middle(field) for field in Run.__dataclass_fields__))


def histories(ecg: str, lake: Path) -> dict:
    """Mean seconds of an execution and of each of its states, from the histories of some executions."""

    def ask(*words: str) -> list:
        answer = subprocess.run([ecg, *words, "--lake", lake], check=True, stdout=subprocess.PIPE)
        answer = json.loads(answer.stdout)
        return answer["events"] if "events" in answer else answer

    totals: dict[str, float] = {}
    executions = ask("runs", "--json", "--limit", str(HISTORIES))
    for execution in executions:
        events = ask("show", execution["execution"], "--history")
        totals["execution"] = totals.get("execution", 0) + events[-1]["timestamp"] - events[0]["timestamp"]
        state = ""
        for event in events:
            if event["type"] == "TaskStateEntered":
                state = event["stateEnteredEventDetails"]["name"]
            elif event["type"] == "TaskStarted":
                begun = event["timestamp"]
            elif event["type"] == "TaskSucceeded":
                totals[state] = totals.get(state, 0) + event["timestamp"] - begun
    return {name: total / len(executions) for name, total in totals.items()}


def machine(ecg: str, place: Path) -> str:
    """What was measured on, as a list."""

    def said(*command: str) -> str:
        try:
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().split("\n")[0]
        except (OSError, subprocess.CalledProcessError):
            return "unknown"

    processor, memory = platform.processor() or platform.machine(), 0.0
    if sys.platform == "darwin":
        processor, memory = said("sysctl", "-n", "machdep.cpu.brand_string"), float(said("sysctl", "-n", "hw.memsize"))
    elif Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), processor)
        memory = float(Path("/proc/meminfo").read_text().split()[1]) * 1024
    place.mkdir(parents=True, exist_ok=True)
    release = platform.release().split("-")[0]
    versions = {name: package(name) for name in ("numpy", "scipy", "pyarrow", "pandas", "neurokit2")}
    facts = {
        "date": date.today().isoformat(),
        "processor": f"{processor}, {PROCESSORS} processors, {platform.machine()}",
        "memory": f"{memory / 1e9:.0f} GB",
        "system": f"{platform.system()} {release}, file system {said('stat', '-f', '-c', '%T', str(place))}",
        "load before": f"{os.getloadavg()[0]:.1f} (0 if nobody else uses the machine)",
        "ours": f"{said(ecg, '--version')}, {said('rustc', '--version')}",
        "Python": f"{platform.python_version()}, " + ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return "\n".join(["## The machine", "", *(f"* {name}: {fact}" for name, fact in facts.items()), ""])


def package(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


if __name__ == "__main__":
    main()
