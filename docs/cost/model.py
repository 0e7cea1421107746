"""What the pipeline costs and how far it scales, computed from docs/cost/inputs.py. Needs nothing but Python.

    python3 docs/cost/model.py --files 5e6 --seconds 10 --leads 2     for your own numbers

A month has 30.4 days. Prices are those of inputs.py; `--price "transition=20e-6"` replaces one. The tables of docs/cost.md are written by
`UPDATE_GOLDEN=1 python3 tests/python/cost_model.py`, which without the variable compares them.
"""

import argparse
import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import inputs
from inputs import ASSUMED, CHUNK, DESIGNED, LINES, PART, PRICES, SETTINGS

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs/cost.md"
STEPS = json.loads((REPOSITORY / "functions/steps.json").read_text())["steps"]
WORKFLOW = json.loads((REPOSITORY / "statemachine/ecg-pipeline.asl.json").read_text())

DAYS = 30.4
MONTH_S = DAYS * 86400
FULL_MB = 1769  # Lambda gives one processor for so much memory, and a share for less.
FUNCTIONS = ("start", "validate", "parse", "transform", "write", "crawl")
AT_ONCE, NEW_ACCOUNT = inputs.QUOTAS["Lambda at once"][0], 10
BATCH = 10  # messages that one invocation of `start` takes (infra/lib/functions.ts)
FIXED_METRICS, FIXED_ALARMS = 12, 32  # functions/README.md; infra/lib/alarms.ts, metrics of all alarms


@dataclass(frozen=True)
class Load:
    """What comes in. `peak` is how many times the mean rate the busiest hour has."""

    files: float = 1e6
    seconds: float = 10
    leads: int = 1
    sampling_hz: float = 360
    peak: float = 1
    compaction: bool = False

    @property
    def rate(self) -> float:
        """Files a second in the busiest hour."""
        return self.files / MONTH_S * self.peak


def price(name: str) -> float:
    return PRICES[name][0]


def assumed(name: str) -> float:
    return ASSUMED[name][0]


def designed(name: str) -> float:
    return DESIGNED[name][0]


def transitions_of_workflow() -> int:
    """States from the first to the last of a recording that is accepted."""
    state, count = WORKFLOW["StartAt"], 0
    while state is not None:
        count, state = count + 1, WORKFLOW["States"][state].get("Next")
    return count


class Recording:
    """What one file makes: bytes, requests, time."""

    def __init__(self, load: Load):
        self.x = {"samples": load.seconds * load.sampling_hz * load.leads, "lead seconds": load.seconds * load.leads}
        self.windows = load.seconds >= inputs.WINDOWS_FROM_SECONDS
        self.tables = ["segments", "beats", *(["windows"] if self.windows else []), "recordings"]
        made = [f"transformed-{table}.arrow" for table in self.tables]
        parquet = [f"{table}.parquet" for table in self.tables]
        # What each function reads and writes of which size is known. `.hea` beside the upload, and
        # tombstones for the id and for the content: requests without a size. Crawl looks whether the
        # day is registered, at the end of each object, and at the day's register.
        self.read = {"start": [None], "validate": ["upload", None, None], "parse": ["verdict.json", "upload"], "transform": ["parsed.arrow"],
                     "write": made, "crawl": [None] * (len(parquet) + 2)}
        self.written = {"start": [], "validate": ["verdict.json"], "parse": ["parsed.arrow"], "transform": made, "write": parquet,
                        "crawl": [None] * len(parquet)}
        self.transitions = transitions_of_workflow()
        self.glue_calls = 1

    def measured(self, name: str) -> float:
        """The straight line through the two points of inputs.py."""
        axis, (x0, y0), (x1, y1) = LINES[name]
        return y0 + (y1 - y0) * (self.x[axis] - x0) / (x1 - x0)

    def bytes_of(self, names) -> float:
        return sum(self.measured(name) for name in names if name)

    @property
    def table_bytes(self) -> float:
        return self.bytes_of(f"{table}.parquet" for table in self.tables)

    @property
    def work_bytes(self) -> float:
        return self.bytes_of(name for names in self.written.values() for name in names)

    def reads_of(self, function: str) -> int:
        """An object is read in chunks; the first request looks it up, too. The end of an Arrow object is read first, and once more where it is out of
        memory when its turn comes."""
        chunks = {name: math.ceil(self.measured(name) / CHUNK) for name in self.read[function] if name}
        again = sum(count > inputs.CHUNKS_KEPT for name, count in chunks.items() if name.endswith(".arrow"))
        return sum(chunks.values()) + again + self.read[function].count(None)

    def writes_of(self, function: str) -> int:
        """A large object is written in parts, between one request that begins and one that ends it."""
        parts = [math.ceil(self.measured(name) / PART) if name else 1 for name in self.written[function]]
        return sum(part if part == 1 else part + 2 for part in parts)

    @property
    def reads(self) -> int:
        return sum(self.reads_of(function) for function in FUNCTIONS)

    @property
    def writes(self) -> int:
        return sum(self.writes_of(function) for function in FUNCTIONS)

    def calls_of(self, function: str) -> int:
        """Calls that a function waits for."""
        return self.reads_of(function) + self.writes_of(function) + {"start": 1, "crawl": self.glue_calls}.get(function, 0)

    def work_s(self, function: str) -> float:
        """On Lambda, which gives less than a processor for less memory."""
        return self.measured(function) / 1e3 * max(1, FULL_MB / STEPS[function]["memory_mb"])

    def waiting_s(self, function: str) -> float:
        moved = self.bytes_of(self.read[function] + self.written[function])
        return self.calls_of(function) * assumed("seconds of a call") + moved / 1e6 / assumed("MB a second")

    def seconds_of(self, function: str) -> float:
        return self.work_s(function) + self.waiting_s(function)

    @property
    def in_functions_s(self) -> float:
        return sum(self.seconds_of(function) for function in FUNCTIONS)

    @property
    def work_gb_s(self) -> float:
        return sum(self.work_s(function) * STEPS[function]["memory_mb"] / 1024 for function in FUNCTIONS)

    @property
    def waiting_gb_s(self) -> float:
        return sum(self.waiting_s(function) * STEPS[function]["memory_mb"] / 1024 for function in FUNCTIONS)

    @property
    def open_s(self) -> float:
        """How long its execution is open."""
        return self.in_functions_s - self.seconds_of("start") + self.transitions * assumed("seconds of a state")

    @property
    def seconds(self) -> float:
        """From the end of the upload to its row in `recordings`, where nothing has to wait for others."""
        return assumed("seconds to start") + self.seconds_of("start") + self.open_s

    @property
    def history(self) -> float:
        return self.measured("history") + (inputs.HISTORY_OF_WINDOWS if self.windows else 0)

    @property
    def log_bytes(self) -> float:
        return self.measured("functions' log") + self.history + assumed("log bytes besides")


# -- dollars


def monthly(load: Load) -> dict[str, float]:
    """USD of a month by line, without what is kept and without queries."""
    one, files = Recording(load), load.files
    gb_s = one.work_gb_s + one.waiting_gb_s
    second = MONTH_S  # X-Ray keeps the first request of each second.
    traced = min(files, second) + max(0, files - second) * assumed("sampled")
    lines = {
        "Step Functions": files * one.transitions * price("transition"),
        "S3 requests": files * ((one.writes + 1) * price("S3 write") + one.reads * price("S3 read")),
        "Lambda": files * (gb_s * price("Lambda GB s") + len(FUNCTIONS) * price("Lambda call")),
        "CloudWatch Logs": files * one.log_bytes / 1e9 * price("log GB"),
        "SQS": files * 3 * price("SQS call"),
        "Glue Data Catalog": files * one.glue_calls * price("Glue call"),
        "X-Ray": traced * price("trace"),
        "alarms, metrics, key, secret": FIXED_METRICS * price("metric") + FIXED_ALARMS * price("alarm") + price("KMS key") + price("secret"),
    }
    if load.compaction:
        lines["compaction"] = sum(compaction(load).values())
    return lines


def compaction(load: Load) -> dict[str, float]:
    """USD of a month of merging each day after it is closed. Designed, not measured."""
    one = Recording(load)
    objects = load.files * len(one.tables)
    merging_s = objects * seconds_to_merge_one()
    large = max(DAYS * len(one.tables), load.files * merged_bytes(one) / 1e6 / designed("MB of a large object"))
    return {
        "reads and lists": objects * (designed("reads of an object") * price("S3 read") + price("S3 write") / designed("listed")),
        "large objects": large * price("S3 write"),
        "Lambda": merging_s * FULL_MB / 1024 * price("Lambda GB s"),
    }


def seconds_to_merge_one() -> float:
    return designed("ms of an object") / 1e3 + designed("reads of an object") * assumed("seconds of a call") / designed("at once")


def merged_bytes(one: Recording) -> float:
    """What a recording takes in large objects: signal and beats as in long recordings, without footers of its own."""
    slope = 0.0
    for table in ("segments", "beats"):
        axis, (x0, y0), (x1, y1) = LINES[f"{table}.parquet"]
        slope += (y1 - y0) / (x1 - x0) * one.x[axis]
    return slope + designed("bytes of a row")


def kept(load: Load, month: int) -> dict[str, tuple[float, float]]:
    """GB and USD of the month with this number, 1 is the first; as many files come in each month, and none is removed."""
    one = Recording(load)
    months = lambda days: min(month, days / DAYS)
    gb = load.files / 1e9
    glacier_days = SETTINGS["rawGlacierDays"]
    cold = max(0, month - glacier_days / DAYS) if glacier_days and one.measured("upload") >= 128 << 10 else 0
    requests = one.writes + 1 + one.reads
    if load.compaction:
        small = months(designed("days of both"))
        tables = gb * (month * merged_bytes(one) + small * one.table_bytes)
    else:
        tables = gb * month * one.table_bytes
    standard, frozen = price("S3 GB month"), price("Glacier GB month")
    raw = gb * one.measured("upload")
    moved = load.files * price("Glacier move") if cold else 0
    logs = gb * one.log_bytes * assumed("compressed") * months(SETTINGS["logDays"])
    access = gb * requests * assumed("access log bytes") * months(SETTINGS["logDays"])
    work = gb * one.work_bytes * months(SETTINGS["workDays"])
    return {
        "uploads": (raw * month, raw * (month - cold) * standard + raw * cold * frozen + moved),
        "work objects": (work, work * standard),
        "tables": (tables, tables * standard),
        "logs": (logs, logs * price("log GB month")),
        "access logs of S3": (access, access * standard),
    }


def query_of_a_day(load: Load) -> dict[str, float]:
    """A query that reads one table over one day: objects, requests, seconds at the least, USD of the requests."""
    one = Recording(load)
    objects = load.files / DAYS
    if load.compaction:
        objects = max(1, objects * merged_bytes(one) / 1e6 / designed("MB of a large object"))
    requests = objects * assumed("requests of a query")
    listing = objects / 1000 * assumed("seconds of a LIST")
    return {"objects": objects, "requests": requests, "seconds": listing + requests / inputs.QUOTAS["S3 reads"][0],
            "USD": requests * price("S3 read") + objects / 1000 * price("S3 write")}


# -- limits


@dataclass(frozen=True)
class Limit:
    name: str
    files_a_second: float
    what: str
    setting: str
    waits: bool = True  # False: files do not wait long for it
    of_a_day: bool = False  # counts the files of a day, and knows no busiest hour


def limits(load: Load, at_once: float = AT_ONCE, elsewhere: bool = False) -> list[Limit]:
    """How many of these files a second each quota lets through, the smallest first. `at_once` is Lambda's concurrency."""
    one = Recording(load)
    quota = {name: values[1 if elsewhere else 0] for name, values in inputs.QUOTAS.items()}
    in_work = sum(one.writes_of(function) for function in FUNCTIONS[1:-1])
    of_query = most_files_for_a_query(load, quota["Athena seconds"]) / MONTH_S
    found = [
        Limit("Lambda", at_once / one.in_functions_s, "functions at once", "a quota (L-B99A9384), free"),
        Limit("Lambda calls", at_once * quota["Lambda calls"] / len(FUNCTIONS), "ten a second for each of these", "the same quota"),
        Limit("StartExecution", quota["StartExecution"], "executions started a second", "a quota; longer files"),
        Limit("transitions", quota["transitions"] / one.transitions, "states entered a second", "a quota; longer files"),
        Limit("open executions", quota["open executions"] / one.open_s, "a million, if none waits", "the quotas above: what waits for them stays open"),
        Limit("`start`", SETTINGS["startConcurrency"] * BATCH / one.seconds_of("start"), f"{SETTINGS['startConcurrency']} batches of {BATCH} at once",
              "`startConcurrency`"),
        Limit("S3 work bucket", quota["S3 writes"] / in_work, f"{in_work} writes, while the bucket is one prefix",
              "S3 splits it by itself, in minutes to hours; uploads whose names begin differently", False),
        Limit("S3 table's day", quota["S3 writes"], "one write to `table/dt=day/`", "S3 splits it by itself, each day anew; longer files", False),
        Limit("S3 uploads", quota["S3 reads"] / 3, "three reads, while the bucket is one prefix", "S3 splits it by itself", False),
        Limit("log calls", quota["log calls"] / len(FUNCTIONS), "a call an invocation, if Lambda put none together", "a quota", False),
        Limit("histories", quota["GetExecutionHistory"] / assumed("failed"), f"the net reads one for each failure, {assumed('failed') * 100:g} % of the files",
              "the net waits", False),
        Limit("a day's query", of_query, "objects that Athena reads in half an hour", "compaction; longer files", False, True),
        Limit("a day's merge", most_files_for_a_merge() / MONTH_S, "objects of one table that one invocation merges", "several invocations a day and table",
              False, True),
    ]
    return sorted(found, key=lambda limit: limit.files_a_second)


def most_files_for_a_query(load: Load, seconds: float) -> float:
    """Files a month at which a query of one day takes as long as it may."""
    few = query_of_a_day(replace(load, files=1e6, compaction=False))["seconds"]
    return 1e6 * seconds / few


def most_files_for_a_merge() -> float:
    """Files a month whose day one invocation of Lambda can merge, one table."""
    return inputs.QUOTAS["Lambda seconds"][0] / seconds_to_merge_one() * DAYS


def longest_recording_s(leads: int) -> tuple[float, str]:
    """The longest recording that no function's time limit ends, and the function."""
    found = []
    for function in FUNCTIONS[1:]:
        low, high = 0.0, 1e8
        while high - low > 1:
            middle = (low + high) / 2
            fits = Recording(Load(seconds=middle, leads=leads)).seconds_of(function) < STEPS[function]["timeout_seconds"]
            low, high = (middle, high) if fits else (low, middle)
        found.append((low, function))
    return min(found)


def reached(load: Load, at_once: float = AT_ONCE) -> str:
    """Which limits this load goes beyond, the smallest first."""
    mean = load.files / MONTH_S
    over = [limit.name for limit in limits(load, at_once) if (mean if limit.of_a_day else load.rate) > limit.files_a_second]
    return ", ".join(name for name in over if load.compaction or name != "a day's merge") or "none"


def after_a_peak(load: Load, at_once: float) -> tuple[float, float, float]:
    """Of an hour of the peak: files that wait at its end, those of them that are open executions, and hours until none waits.

    Infinitely many where the mean is too much, too. What is started waits for functions; the rest waits in the queue."""
    passes = {limit.name: limit.files_a_second for limit in limits(load, at_once) if limit.waits}
    capacity, mean = min(passes.values()), load.files / MONTH_S
    waiting = max(0, load.rate - capacity) * 3600
    started = min(load.rate, passes["StartExecution"], passes["`start`"])
    opened = min(inputs.QUOTAS["open executions"][0], max(0, started - capacity) * 3600)
    hours = 0 if waiting == 0 else math.inf if mean >= capacity else waiting / (capacity - mean) / 3600
    return waiting, opened, hours


# -- other ways


def other_ways(load: Load) -> list[tuple[str, float, float, str]]:
    """A name, USD of a month of Step Functions, of all lines, and what it costs in promises."""
    now, one = monthly(load), Recording(load)
    total = sum(now.values())
    ways = [("as it is", now["Step Functions"], total, "")]

    express_gb_s = math.ceil(one.open_s * 10) / 10 * 64 / 1024
    express = load.files * (price("Express request") + express_gb_s * price("Express GB s"))
    child = load.files * price("transition") + express
    ways.append(("Express child for the five steps", child, total - now["Step Functions"] + child,
                 "no history of the steps, no redrive from the failed one, five minutes for all waiting; a retry repeats all steps"))
    ways.append(("Express alone", express, total - now["Step Functions"] + express,
                 "besides: no unique names, so an event that comes twice runs twice; no list of executions, no net"))

    several = 10
    waiting = load.files * one.waiting_gb_s * price("Lambda GB s")
    saved = (1 - 1 / several) * (now["Step Functions"] + now["Glue Data Catalog"] + now["X-Ray"] + waiting
                                 + load.files * (len(FUNCTIONS) - 1) * price("Lambda call")
                                 + load.files * one.history / 1e9 * price("log GB"))
    ways.append((f"{several} files in one execution", now["Step Functions"] / several, total - saved,
                 "one id is no longer one run; one file's error is a retry or a redrive of ten; an event that comes twice comes in another batch; messages above 4 KB"))

    errors = total - load.files * (one.history + assumed("log bytes besides") / 2) / 1e9 * price("log GB")
    ways.append(("`executionLog` = `ERROR`", now["Step Functions"], errors, "none; the console keeps histories for 90 days"))
    for name, seconds in (("files of a minute", 60), ("files of an hour", 3600)):
        longer = monthly(replace(load, files=load.files * load.seconds / seconds, seconds=seconds))
        ways.append((name, longer["Step Functions"], sum(longer.values()), "none; rows come later by that time"))
    return ways


# -- tables


def number(value: float, digits: int = 3) -> str:
    """So many digits that count, with commas; a count as it is."""
    if value == math.inf:
        return "never"
    if value == 0 or isinstance(value, int):
        return f"{value:,.0f}"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, places):,.{max(0, min(places, 4))}f}"


def size(value: float) -> str:
    """Bytes, in the unit that has three digits or fewer."""
    unit, by = next(((unit, by) for unit, by in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)) if value >= by), ("B", 1))
    return f"{number(value / by)} {unit}"


def from_one(value: float, least: float) -> str:
    """What is too small to count is not told."""
    return number(value) if value >= least else f"< {least:g}"


def dollars(value: float) -> str:
    return f"{value:.2f}" if value < 10 else number(float(value))


def table(header: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Markdown; the first columns and those of words are to the left, numbers to the right."""
    number_like = re.compile(r"\**[<+-]* ?[\d.,]+( [a-zA-Z%]+)?\**|never|none|not listed|")
    words = [index < left or not all(number_like.fullmatch(row[index]) for row in rows) for index in range(len(header))]
    lines = [header, ["---" if word else "---:" for word in words], *rows]
    return "\n".join(re.sub(r"(?<=\|) +(?=\|)", " ", f"| {' | '.join(line)} |") for line in lines)


STRIP, HALF_HOUR, DAY = Load(), Load(seconds=1800, leads=2), Load(seconds=86400, leads=2)
VOLUMES = [10.0**exponent for exponent in range(3, 10)]


def volume(files: float) -> str:
    return f"{files:,.0f}" if files < 1e6 else f"{files / 1e6:,.0f} million" if files < 1e9 else f"{files / 1e9:,.0f} billion"


def table_functions() -> str:
    loads = [Recording(load) for load in (STRIP, HALF_HOUR, DAY)]
    rows = [[f"`{name}`, {STEPS[name]['memory_mb']} MB", *(f"{number(one.measured(name), 2)} ms" for one in loads),
             *(f"{number(one.seconds_of(name), 2)} s" for one in loads), f"{inputs.MEMORY_HELD[name]} MB"] for name in FUNCTIONS]
    rows.append(["together", *(f"{number(sum(one.measured(name) for name in FUNCTIONS), 2)} ms" for one in loads),
                 *(f"{number(one.in_functions_s, 2)} s" for one in loads), ""])
    return table(["function, memory", "work: 10 s, 1 lead", "30 min, 2 leads", "24 h, 2 leads", "on Lambda: 10 s", "30 min", "24 h", "most memory held"], rows)


def table_recording() -> str:
    loads = [Recording(load) for load in (STRIP, HALF_HOUR, DAY)]
    rows = {
        "state transitions": lambda one: number(one.transitions),
        "writes to S3, the first of a day one more": lambda one: number(one.writes),
        "reads from S3": lambda one: number(one.reads),
        "calls to Glue, the first of a day some more": lambda one: number(one.glue_calls),
        "objects of tables": lambda one: number(len(one.tables)),
        "bytes of the upload": lambda one: size(one.measured("upload")),
        "bytes of tables": lambda one: size(one.table_bytes),
        "bytes of work objects": lambda one: size(one.work_bytes),
        "bytes of logs": lambda one: size(one.log_bytes),
        "GB s of Lambda: work": lambda one: number(one.work_gb_s, 2),
        "GB s of Lambda: waiting for S3 and Glue": lambda one: number(one.waiting_gb_s, 2),
        "seconds from upload to row": lambda one: number(one.seconds, 2),
    }
    return table(["a recording makes", "10 s", "30 min", "24 h"], [[name, *map(tell, loads)] for name, tell in rows.items()])


def checked() -> list[tuple[str, float, float]]:
    """What was measured and not put in: what, measured, model."""
    found = []
    for (seconds, leads), measured in inputs.CHECKS.items():
        one = Recording(Load(seconds=seconds, leads=leads))
        model = {"writes": one.writes, "reads": one.reads, "table bytes": one.table_bytes, "work bytes": one.work_bytes,
                 "functions' log": one.measured("functions' log"), "history": one.history}
        found += [(f"{what}, {duration(seconds)} x {leads}", value, model[what]) for what, value in measured.items()]
    one = Recording(STRIP)
    thousand = {"writes": one.writes, "reads": one.reads, "transitions": one.transitions, "Glue calls": one.glue_calls,
                "table objects": len(one.tables), "table bytes": one.table_bytes, "work bytes": one.work_bytes,
                "functions' log": one.measured("functions' log"), "history": one.history}
    found += [(f"{what}, 1,000 files", value, 1000 * thousand[what]) for what, value in inputs.CHECKS_THOUSAND.items()]
    found += [(f"table bytes, real {duration(seconds)} x {leads}", value, Recording(Load(seconds=seconds, leads=leads)).table_bytes)
              for (seconds, leads), value in inputs.CHECKS_REAL.items()]
    for (seconds, leads), value in inputs.CHECKS_CPU.items():
        one = Recording(Load(seconds=seconds, leads=leads))
        found.append((f"processor s, {duration(seconds)} x {leads}", value, sum(one.measured(name) for name in FUNCTIONS) / 1e3))
    (few, first), (many, second), (most, third) = inputs.CHECKS_MANY.items()
    found.append((f"s of {most:,} files on one machine, from {few} and {many:,}", third, first + (second - first) / (many - few) * (most - few)))
    return found


def duration(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{round(seconds / size, 1):g} {unit}"
    return f"{seconds:g} s"


def table_checked() -> str:
    rows = []
    for what, measured, model in checked():
        tell = size if "bytes" in what or "log" in what or "history" in what else number
        rows.append([what, tell(measured), tell(model), f"{round((model / measured - 1) * 100):+d} %".replace("+0", "0")])
    shown = re.compile(r"(writes|reads|table bytes), (1 min|6 h|24 h)|files|processor|real")
    rows = [row for row in rows if shown.search(row[0])]
    return table(["not put in", "measured", "model", "difference"], rows)


def table_million() -> str:
    one, lines = Recording(STRIP), monthly(STRIP)
    what = {
        "Step Functions": f"{one.transitions} transitions x 25 USD per million",
        "S3 requests": f"{one.writes} writes and that of the upload x 5.00, {one.reads} reads x 0.40 per million",
        "Lambda": f"{number(one.work_gb_s, 2)} GB s of work and {number(one.waiting_gb_s, 2)} GB s of waiting x 13.33 per million (arm64), {len(FUNCTIONS)} calls x 0.20",
        "CloudWatch Logs": f"{one.log_bytes / 1e3:.0f} KB x 0.50 per GB",
        "SQS": "a message is sent, received and deleted x 0.40 per million; less in batches",
        "Glue Data Catalog": "a call x 1.00 per million",
        "X-Ray": "a trace x 5.00 per million; of more than one file a second 5 %",
        "alarms, metrics, key, secret": f"{FIXED_ALARMS} x 0.10, {FIXED_METRICS} x 0.30, 1.00, 0.40; with CloudWatch's free tier 4.00 less",
    }
    rows = [[name, what[name], dollars(value)] for name, value in lines.items()]
    return table(["line", "what it multiplies", "USD"], rows + [["**together**", "", f"**{number(sum(lines.values()))}**"]], 2)


def table_volumes() -> str:
    rows = []
    for files in VOLUMES:
        lines, stored = monthly(Load(files=files)), kept(Load(files=files), 12)
        main = [lines[name] for name in ("Step Functions", "S3 requests", "Lambda", "CloudWatch Logs")]
        merged = sum(compaction(Load(files=files)).values())
        rows.append([volume(files), *map(dollars, main), dollars(sum(lines.values()) - sum(main)), dollars(sum(lines.values())),
                     dollars(merged), dollars(sum(usd for _, usd in stored.values()))])
    return table(["files a month", "Step Functions", "S3 requests", "Lambda", "Logs", "all else", "together", "compaction", "storage, 12th month"], rows)


def table_limits() -> str:
    small = {limit.name: limit for limit in limits(STRIP, NEW_ACCOUNT, True)}
    rows = [[limit.name, limit.what, number(limit.files_a_second), number(small[limit.name].files_a_second),
             number(limit.files_a_second * MONTH_S / 1e6), number(limit.files_a_second * MONTH_S / (1e6 if limit.of_a_day else 1e7)), limit.setting]
            for limit in limits(STRIP)]
    return table(["limit", "of what", "files a second", "new account, other region", "million files a month", "the same, peaks of 10", "what moves it"], rows, 2)


def table_bites() -> str:
    rows = []
    for files in VOLUMES:
        load = Load(files=files)
        one, rate, peak = Recording(load), load.rate, replace(load, peak=10)
        rows.append([volume(files), number(rate), number(rate * one.in_functions_s), number(rate * one.open_s), number(rate * one.transitions),
                     number(rate * (one.writes + 1)), number(rate * one.reads), reached(load), reached(peak), reached(peak, NEW_ACCOUNT)])
    return table(["files a month", "files a second", "functions at once", "executions open", "transitions a second", "S3 writes a second", "S3 reads a second",
                  "goes beyond", "with peaks of 10", "new account, with peaks of 10"], rows)


def table_peaks() -> str:
    rows = []
    for files in VOLUMES[3:]:
        cells = []
        for at_once in (NEW_ACCOUNT, AT_ONCE):
            waiting, opened, hours = after_a_peak(Load(files=files, peak=10), at_once)
            cells += [number(waiting), number(opened), "never" if hours == math.inf else f"{number(hours)} h"]
        rows.append([volume(files), *cells])
    return table(["files a month", "new account: files that wait", "of these open executions", "none waits after",
                  "1,000 functions: files that wait", "of these open executions", "none waits after"], rows)


def table_storage() -> str:
    rows = []
    cases = [("a million of 10 s, 1 lead", STRIP), ("the same, compacted", replace(STRIP, compaction=True)),
             ("1,000 of 24 h, 2 leads", replace(DAY, files=1000))]
    for name, load in cases:
        for month in (1, 12, 36):
            stored = kept(load, month)
            rows.append([name, f"{month}", *(number(gb) for gb, _ in stored.values()), dollars(sum(usd for _, usd in stored.values()))])
    return table(["files a month", "month", *(f"{name}, GB" for name in kept(STRIP, 1)), "USD of the month"], rows)


def table_queries() -> str:
    rows = []
    for files in VOLUMES:
        before, after = query_of_a_day(Load(files=files)), query_of_a_day(Load(files=files, compaction=True))
        rows.append([volume(files)] + [from_one(day[name], least) for day in (before, after) for name, least in (("objects", 1), ("seconds", 1), ("USD", 0.01))])
    return table(["files a month", "objects", "seconds at least", "USD of requests", "compacted: objects", "seconds at least", "USD of requests"], rows)


def table_ways() -> str:
    ways = other_ways(Load(files=1e8))
    total = ways[0][2]
    rows = [[name, dollars(steps), dollars(usd), f"{number((1 - usd / total) * 100)} %" if usd != total else "", lost] for name, steps, usd, lost in ways]
    return table(["way", "Step Functions", "together", "saved", "what it costs in promises"], rows)


def predecessor() -> dict[str, float]:
    """What 700 recordings of a day cost us, lines as the predecessor published them."""
    load = Load(files=700, seconds=86400, leads=2)
    lines, one = monthly(load), Recording(load)
    return {
        "S3 storage": 100 * price("S3 GB month") + 100 * price("Glacier GB month"),
        "S3 requests": lines["S3 requests"],
        "Athena": 0.9 * 1000 / 1024 * price("Athena TB"),
        "Lambda": lines["Lambda"],
        "Step Functions": lines["Step Functions"],
        "Glue": lines["Glue Data Catalog"],
        "logs, traces, queue": lines["CloudWatch Logs"] + lines["X-Ray"] + lines["SQS"],
        "metrics and alarms": FIXED_METRICS * price("metric") + FIXED_ALARMS * price("alarm"),
        "key, secret": price("KMS key") + price("secret"),
        "CodePipeline, CodeBuild": price("KMS key"),
        "seconds of Lambda": 700 * one.in_functions_s,
    }


def table_predecessor() -> str:
    ours, load = predecessor(), Load(files=700, seconds=86400, leads=2)
    seconds, one = ours.pop("seconds of Lambda"), Recording(load)
    theirs = {"S3 storage": 2.88, "S3 requests": "not listed", "Athena": 4.39, "Lambda": 0.23, "Glue": 0.04, "logs, traces, queue": 0.0, "CodePipeline, CodeBuild": 1.09}
    notes = {
        "S3 storage": "the same amounts; its prices are those of another region",
        "S3 requests": f"700 x ({one.writes + 1} writes, {one.reads} reads)",
        "Athena": "the same amount",
        "Lambda": f"70,000 s at 200 MB; ours {number(seconds)} s at up to {FULL_MB} MB, of which {number(700 * sum(one.work_s(name) for name in FUNCTIONS))} s are work",
        "Step Functions": f"{700 * one.transitions:,} transitions",
        "Glue": f"a crawler of 5 minutes (10 are billed at least); ours {700 * one.glue_calls} calls",
        "metrics and alarms": "with the free tier 4.00 less",
        "CodePipeline, CodeBuild": "a key; ours runs all tests before it deploys, 0.02 a minute",
    }
    rows = [[name, theirs[name] if name == "S3 requests" else dollars(theirs[name]) if name in theirs else "none", dollars(value), notes.get(name, "")] for name, value in ours.items()]
    return table(["service", "predecessor", "ours", ""], rows + [
        ["**together, without builds**", "**7.54**", f"**{dollars(sum(ours.values()))}**", ""]])


TABLES = {name.removeprefix("table_"): function for name, function in list(globals().items()) if name.startswith("table_")}


def page(text: str) -> str:
    """The page with every table between `<!-- model: NAME -->` and `<!-- end -->` written anew."""
    write = lambda found: f"<!-- model: {found[1]} -->\n{TABLES[found[1]]()}\n<!-- end -->"
    return re.sub(r"<!-- model: (\w+) -->\n.*?<!-- end -->", write, text, flags=re.DOTALL)


def report(load: Load) -> str:
    """All of it for one load."""
    one, lines = Recording(load), monthly(load)
    longest, function = longest_recording_s(load.leads)
    mean = replace(load, peak=1)
    waiting, _, hours = after_a_peak(load, AT_ONCE)
    query = query_of_a_day(load)
    parts = [
        f"{load.files:,.0f} files a month of {duration(load.seconds)}, {load.leads} leads at {load.sampling_hz:g} Hz; "
        f"{number(mean.rate)} a second, {number(load.rate)} in the busiest hour",
        table(["USD a month", ""], [[name, dollars(value)] for name, value in lines.items()] + [["together", dollars(sum(lines.values()))]]),
        table(["kept after 12 months", "GB", "USD of that month"], [[name, number(gb), dollars(usd)] for name, (gb, usd) in kept(load, 12).items()]),
        table(["in the busiest hour", ""], [
            ["seconds from upload to row, where nothing waits", number(one.seconds)],
            ["functions at once", number(load.rate * one.in_functions_s)],
            ["executions open", number(load.rate * one.open_s)],
            ["transitions a second", number(load.rate * one.transitions)],
            ["S3 writes and reads a second", f"{number(load.rate * (one.writes + 1))} and {number(load.rate * one.reads)}"],
            ["writes to a table's day a second", number(load.rate)],
            ["calls to Glue a second", number(load.rate * one.glue_calls)],
            ["files that wait at its end, with 1,000 functions at once", number(waiting)],
            ["hours until none waits", number(hours)],
        ]),
        table(["limit", "of what", "files a second", "what moves it"], [
            [limit.name, limit.what, number(limit.files_a_second), limit.setting] for limit in limits(load)], 2),
        f"It goes beyond: {reached(load)}. In a new account, with 10 functions at once: {reached(load, NEW_ACCOUNT)}.",
        f"A query of one table over one day: {number(query['objects'])} objects, at least {number(query['seconds'])} s, {number(query['USD'])} USD of requests.",
        f"The longest file with {load.leads} leads that the time limits allow: {number(longest / 3600)} h (`{function}`).",
    ]
    return "\n\n".join(parts)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=float, default=1e6, help="files a month")
    options.add_argument("--seconds", type=float, default=10, help="length of a file")
    options.add_argument("--leads", type=int, default=1)
    options.add_argument("--sampling-hz", type=float, default=360)
    options.add_argument("--peak", type=float, default=1, help="how many times the mean the busiest hour has")
    options.add_argument("--compaction", action="store_true", help="closed days are merged")
    options.add_argument("--price", action="append", default=[], metavar="NAME=USD", help="another price of inputs.py, for one")
    given = vars(options.parse_args())
    for name, value in (text.split("=") for text in given.pop("price")):
        PRICES[name] = (float(value), "given") if name in PRICES else options.error(f"--price: expected one of {', '.join(PRICES)}, found {name}")
    print(report(Load(**given)))


if __name__ == "__main__":
    main()
