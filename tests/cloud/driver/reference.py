"""Every JSONata expression that the emulator evaluates, evaluated by the reference implementation as well, and compared.

The emulator has a port of it in Python. AWS names version 2.0.6 of the reference ("Transforming data with JSONata"), which
tests/package.json pins. What differs is written to a file, and fails the suite (conftest.py).
"""

import json
import math
import os
import re
import subprocess
import tempfile
import threading
from collections import Counter
from pathlib import Path

# Where the differences are, in the emulator's folder.
FILE = "jsonata.jsonl"
# Differ in each evaluation: only that both give a value, or none, is compared.
BY_CHANCE = re.compile(r"\$(random|uuid|now|millis)\(")
# So many evaluations of an expression are kept for the engine of the command line.
_SAMPLES = 3
# The members of the context object on AWS. The emulator keeps more in it.
_CONTEXT = ("Execution", "State", "StateMachine", "Task", "Map")


class Reference:
    """A process of Node that stays for all expressions."""

    def __init__(self, package: str):
        self._process = subprocess.Popen(
            ["node", str(Path(__file__).with_name("reference.js"))], env=os.environ | {"ECG_JSONATA": package},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()

    def evaluate(self, expression: str, bindings: dict) -> dict:
        """`{"value": …}` or `{"error": code}`."""
        with self._lock:
            self._process.stdin.write(json.dumps({"expression": expression, "bindings": bindings}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the reference implementation ended at {expression}")
        return json.loads(line)

    def stop(self):
        """Ends it."""
        self._process.stdin.close()
        self._process.wait(10)


def bindings(states: dict, variables: dict) -> dict:
    """What an expression can see. A result or an error that there is none of is not bound, as on AWS."""
    bound = {name: value for name, value in states.items() if name in ("input", "context") or value is not None}
    bound["context"] = {name: value for name, value in (states["context"] or {}).items() if name in _CONTEXT}
    return variables | {"states": bound}


def difference(expression: str, ours: dict, reference: dict) -> str | None:
    """What is not the same, in words; `ours` and `reference` are `{"value": …}` or `{"error": code}`."""
    if ("error" in ours) != ("error" in reference):
        return "one of them is an error"
    if BY_CHANCE.search(expression):
        return None
    if "error" in ours:
        # The code is what AWS's cause begins with. The port has none where Python itself failed.
        return None if ours["error"] in (reference["error"], "") else "another error"
    return None if _equal(ours["value"], reference["value"]) else "another value"


def found(folder: Path) -> tuple[int, list[dict]]:
    """How many evaluations were compared, and the differences."""
    lines = _lines(folder)
    return len(lines), [line for line in lines if line["difference"]]


def engines_differences(ecg: Path, folder: Path) -> tuple[int, list[dict]]:
    """The same for the engine of the command line: how many of the kept evaluations it did, and where it differs.

    It evaluates in workflows only: one Pass binds what there was, the next evaluates. `$states` cannot be bound, so the expression
    sees it under another name.
    """
    samples = [line for line in _lines(folder) if line.get("sample")]
    states: dict[str, dict] = {}
    for number, line in enumerate(samples):
        bound = {name: value for name, value in line["bindings"].items() if name != "states"}
        states[f"Bind{number}"] = {
            "Type": "Pass", "Assign": bound | {"bound": line["bindings"]["states"]}, "Next": f"Evaluate{number}"}
        expression = line["expression"].replace("$states", "$bound")
        states[f"Evaluate{number}"] = {
            "Type": "Pass", "Assign": {f"answer{number}": f"{{% {expression} %}}"}, "Next": f"Bind{number + 1}"}
    answers = ", ".join(f"'{number}': $answer{number}" for number in range(len(samples)))
    states[f"Bind{len(samples)}"] = {"Type": "Succeed", "Output": f"{{% {{{answers}}} %}}"}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"QueryLanguage": "JSONata", "StartAt": "Bind0", "States": states}, file)
        file.flush()
        done = subprocess.run([ecg, "workflow", "run", file.name, "--input", "{}"], capture_output=True, text=True)
    told = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    if done.returncode != 0:
        return 0, [{"difference": "the engine cannot run it", "expression": str(told.get("cause") or done.stderr)[-1500:],
                    "bindings": {}, "emulator": {}, "reference": {}}]
    output = json.loads(told["output"]) if isinstance(told["output"], str) else told["output"]
    return len(samples), [
        line | {"difference": "another value by the engine of ecg", "emulator": {"value": output.get(str(number))}}
        for number, line in enumerate(samples) if not _equal(output.get(str(number)), line["reference"]["value"])]


def compare_every_evaluation(stepfunctions, package: str, folder: Path):
    """From now on. The answer stays the emulator's."""
    reference = Reference(package)
    evaluate, error_type = stepfunctions._evaluate_jsonata, stepfunctions._ExecutionError
    log = (folder / FILE).open("a", buffering=1)
    lock = threading.Lock()
    kept: Counter = Counter()

    def evaluate_and_compare(expression, raw_input, ctx=None, result=None, error_output=None):
        states = {"input": raw_input, "result": result, "errorOutput": error_output, "context": ctx}
        # Before: a state's Assign changes the variables.
        seen = json.loads(_json(bindings(states, dict((ctx or {}).get("variables", {})))))
        failed = None
        try:
            value = evaluate(expression, raw_input, ctx, result, error_output)
            ours = {"value": json.loads(_json(value))}
        except error_type as error:
            failed = error
            ours = {"error": _code(error.cause)}
        theirs = reference.evaluate(expression, seen)
        what = difference(expression, ours, theirs)
        line = {"difference": what}
        with lock:
            sample = "value" in theirs and not BY_CHANCE.search(expression) and kept[expression] < _SAMPLES
            kept[expression] += sample
            if what or sample:
                line |= {"expression": expression, "bindings": seen, "emulator": ours, "reference": theirs, "sample": sample}
            log.write(json.dumps(line) + "\n")
        if failed:
            raise failed
        return value

    stepfunctions._evaluate_jsonata = evaluate_and_compare


def _lines(folder: Path) -> list[dict]:
    path = folder / FILE
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _code(cause: str) -> str:
    if "did not return a result" in cause:
        return "undefined"
    match = re.match(r"([A-Z]\d{4}):", cause)
    return match[1] if match else ""


def _json(value) -> str:
    # The port has an object of its own for null.
    return json.dumps(value, default=lambda _: None)


def _equal(one, other) -> bool:
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other or math.isclose(one, other, rel_tol=1e-15)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other
