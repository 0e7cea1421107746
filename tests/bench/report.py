"""The tables of tests/bench.sh, as Markdown. Times of processes in seconds, of benchmarks in nanoseconds."""


def table(head: list[str], rows: list[list[str]], texts: int = 1) -> str:
    """The first columns are texts, the others numbers."""
    lines = [head, ["---"] * texts + ["---:"] * (len(head) - texts), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def ratio(ours: float, theirs: float) -> str:
    value = ours / theirs if theirs else float("nan")
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.0f} ms"


def nanoseconds(value: float) -> str:
    scale, unit = next((scale, unit) for scale, unit in ((1e6, "ms"), (1e3, "us"), (1, "ns")) if value >= scale or scale == 1)
    return f"{value / scale:.2f} {unit}"


def megabytes(value: float) -> str:
    return f"{value / 1e6:,.0f} MB" if value >= 10e6 else f"{value / 1e6:.1f} MB"


def whole(results: dict) -> str:
    """Each contender's run of each work: the ratios, then what was measured."""
    ratios, measured = [], []
    for work, runs in results.items():
        ours = runs["ours"]
        for name, run in runs.items():
            measured.append(
                [work, name, seconds(run.seconds), seconds(run.cpu_seconds), megabytes(run.peak_bytes), f"{run.files:,.0f}"]
                + [megabytes(run.disk_bytes)]
            )
            if name != "ours":
                # NeuroKit2 keeps no signal.
                disk = "-" if name.startswith("NeuroKit2") else ratio(ours.disk_bytes, run.disk_bytes)
                ratios.append(
                    [work, name, ratio(ours.seconds, run.seconds), ratio(ours.cpu_seconds, run.cpu_seconds)]
                    + [ratio(ours.peak_bytes, run.peak_bytes), disk]
                )
    return "\n".join(
        [
            "## Whole processes\n",
            "Ours divided by the other: below 1, ours takes less.\n",
            table(["work", "ours against", "time", "CPU", "peak memory", "disk"], ratios, texts=2),
            "Measured, medians:\n",
            table(["work", "", "time", "CPU", "peak memory", "files", "disk"], measured, texts=2),
        ]
    )


def growth(works: dict) -> str:
    """From few recordings to many: what one more takes."""
    rows = []
    for name, (count, runs) in works.items():
        if not name.endswith(" of 10 s"):
            continue
        ours = runs["ours"]
        rows.append(
            [f"{count:,}", f"{ours.seconds / count * 1e3:,.2f} ms", f"{ours.cpu_seconds / count * 1e3:,.2f} ms"]
            + [megabytes(ours.peak_bytes), f"{ours.files / count:.1f}", f"{ours.disk_bytes / count / 1e3:,.0f} KB"]
            + [ratio(ours.seconds, runs["lean"].seconds) if "lean" in runs else "-"]
        )
    head = ["recordings of 10 s", "time of one", "CPU of one", "peak memory", "files of one", "disk of one", "time / lean"]
    return "\n".join(["## Growth\n", table(head, rows)])


def by_step(steps: dict, at_once: int) -> str:
    """Where the time of `ecg run` goes, from the histories of its executions, of which at most so many are under way at once."""
    states = ["Validate", "Parse", "Transform", "Write", "Crawl"]
    rows = []
    for work, taken in steps.items():
        each = taken["seconds"] * min(at_once, taken["count"]) / taken["count"]
        times = [taken.get(state, 0.0) for state in states]
        times += [taken["execution"] - sum(times), each - taken["execution"]]
        rows.append([work, f"{each * 1e3:,.1f} ms", *(f"{time / each * 100:.0f} %" for time in times)])
    head = ["work", "one recording", *states, "between steps", "outside"]
    return "\n".join(
        [
            "## Where the time of `ecg run` goes\n",
            f"Time of one recording, of which {at_once} are under way at once. Between steps: the engine and its journal. Outside: the process,"
            " the upload into the lake, the end.\n",
            table(head, rows),
        ]
    )


def stages(groups: dict) -> str:
    """Benchmarks by group. `groups`: name to a list of (benchmark, nanoseconds, elements or None, bytes or None)."""
    rows = []
    for group, benchmarks in sorted(groups.items(), key=lambda one: one[0].lower()):
        floors = [time for name, time, _, _ in benchmarks if name.startswith("floor")]
        floor = floors[0] if len(floors) == 1 else None
        for name, time, elements, size in sorted(benchmarks, key=lambda one: one[0].startswith("floor")):
            is_floor = name.startswith("floor")
            rows.append(
                [group, name, nanoseconds(time / elements) if elements else "-", f"{size / time * 1e3:,.0f} MB/s" if size else "-"]
                + ["1" if is_floor else f"{time / floor:,.1f}" if floor else "-"]
            )
    return "\n".join(
        [
            "## Stages against their floors\n",
            "A floor is the least that the stage needs: the bytes inflated, hashed, compressed or only read. `of one` is the time of one"
            " sample, object, state or execution, whatever the stage counts.\n",
            table(["stage", "", "of one", "", "times its floor"], rows, texts=2),
        ]
    )
