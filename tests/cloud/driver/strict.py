"""What the strict parts of the double found in a whole session: calls against AWS's models, JSONata against the reference."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from . import integrations, models, reference

# Violations that are the emulator's fault, by service (`task`: a state machine's own call), operation and what is told,
# each with what AWS does.
NO_NULLS = "Glue leaves out what has no value"
EMULATOR: dict[tuple[str, str, str], str] = {
    ("states", "DescribeExecution", r"answer: .*(stopDate|output): null"): "Step Functions leaves out what an execution that runs has not",
    ("glue", "*", r"answer: .*: null"): NO_NULLS,
    ("athena", "GetQueryExecution", r"answer: .*CompletionDateTime: null"): "Athena leaves out the time of what has not ended",
    ("glue", "*", r"answer: .*Owner: expected at least 1, found 0"): NO_NULLS,
    # The owner that GetTable gave.
    ("glue", "UpdateTable", r"request: UpdateTable.TableInput.Owner: expected at least 1, found 0"): NO_NULLS,
    ("task", "aws-sdk:sfn:getExecutionHistory", r"result: .*(resourceType|region|parameters) is missing"):
        "AWS says with each event of a task what it called and with what; nothing here reads that",
    ("task", "states:startExecution.sync:2", r".*included: Step Functions takes names in PascalCase only"):
        "AWS gives InputDetails and OutputDetails with Included",
}


@dataclass(frozen=True)
class Told:
    """Lines for the reader: how much was looked at, and what was wrong."""

    counts: list[str]
    wrong: list[str]


def told(cloud, ecg: Path | None) -> Told:
    """What there is to say at the end."""
    exchanges = cloud.proxy.exchanges()
    calls, wrong = calls_against_models(exchanges)
    tasks, wrong_tasks = integrations.found(cloud.emulator.folder)
    compared, differences = reference.found(cloud.emulator.folder)
    engine, more = reference.engines_differences(ecg, cloud.emulator.folder) if ecg else (0, [])
    return Told(
        counts=[f"{len(exchanges)} calls of {len(calls)} operations held against AWS's models",
                f"{tasks.total()} calls of state machines, of {len(tasks)} kinds, as well",
                f"{compared} evaluations of JSONata compared with the reference implementation",
                f"{engine} of them by the engine of ecg as well"],
        wrong=[*wrong, *_of_tasks(wrong_tasks), *map(_of_evaluation, [*differences, *more])],
    )


def calls_against_models(exchanges) -> tuple[Counter, list[str]]:
    """How often each operation was called, and the violations: each once, with its first call and how often it came."""
    calls: Counter = Counter()
    first: dict[tuple[str, str, str], str] = {}
    often: Counter = Counter()
    for exchange in exchanges:
        request, answer = exchange.request, exchange.answer
        operation, violations = models.violations(request, answer)
        calls[f"{request.service}:{operation}"] += 1
        for violation in violations:
            if not expected(request.service, operation, violation):
                key = (request.service, operation, violation.split(", found")[0])
                often[key] += 1
                first.setdefault(key, f"{violation}\n  {request.method} {request.path}?{request.query} {request.body[:300]!r}"
                                      f"\n  answer {answer and (answer.status, answer.body[:300])}")
    return calls, [f"{key[0]}:{key[1]}, {often[key]} times: {said}" for key, said in first.items()]


def _of_evaluation(line: dict) -> str:
    return (f"JSONata: {line['difference']}: {line['expression']}\n  ours {line['emulator']}\n  reference {line['reference']}\n"
            f"  bindings {str(line['bindings'])[:2000]}")


def _of_tasks(lines: list[dict]) -> list[str]:
    first: dict[tuple[str, str], str] = {}
    for line in lines:
        for violation in line["wrong"]:
            if not expected("task", line["call"], violation):
                key = (line["call"], violation.split(", found")[0])
                first.setdefault(key, f"{line['call']}: {violation}\n  {line['arguments']}")
    return list(first.values())


def expected(service: str, operation: str, violation: str) -> str | None:
    """The reason why a violation is the emulator's."""
    return next((reason for (of, name, told), reason in EMULATOR.items()
                 if of == service and name in (operation, "*") and re.fullmatch(told, violation)), None)
