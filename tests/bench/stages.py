"""Makes one table of what the criterion benchmarks left in a folder: `stages.py FOLDER`."""

import json
import sys
from pathlib import Path

import report


def groups(folder: Path) -> dict:
    found: dict[str, list] = {}
    for file in sorted(folder.rglob("new/benchmark.json")):
        benchmark = json.loads(file.read_text())
        time = json.loads((file.parent / "estimates.json").read_text())["median"]["point_estimate"]
        name = " ".join(part for part in (benchmark["function_id"], benchmark["value_str"]) if part)
        if name:
            found.setdefault(benchmark["group_id"], []).append((name, time, *throughput(benchmark["throughput"])))
        else:
            # Without a group: those of the recipe, which measure the time of one sample.
            found.setdefault("recipe, a sample", []).append((benchmark["group_id"], time, 1, None))
    return found


def throughput(said: dict | None) -> tuple:
    """Elements and bytes of an iteration; None where the benchmark does not say."""
    match said or {}:
        case {"ElementsAndBytes": both}:
            return both["elements"], both["bytes"]
        case {"Elements": elements}:
            return elements, None
        case {"Bytes": size} | {"BytesDecimal": size}:
            return None, size
        case _:
            return None, None


print(report.stages(groups(Path(sys.argv[1]))))
