"""What the strict parts of the double found in a whole session: calls against AWS's models, JSONata against the reference."""

from collections import Counter
from dataclasses import dataclass

from . import models, reference

# Violations that are the emulator's fault, by service, operation and a part of the words, each with what AWS does.
EMULATOR: dict[tuple[str, str, str], str] = {}


@dataclass(frozen=True)
class Told:
    """Lines for the reader: how much was looked at, and what was wrong."""

    counts: list[str]
    wrong: list[str]


def told(cloud) -> Told:
    """What there is to say at the end."""
    exchanges = cloud.proxy.exchanges()
    calls, wrong = calls_against_models(exchanges)
    compared, differences = reference.found(cloud.emulator.folder)
    return Told(
        counts=[f"{len(exchanges)} calls of {len(calls)} operations held against AWS's models",
                f"{compared} evaluations of JSONata compared with the reference implementation"],
        wrong=[*wrong, *(f"JSONata: {one['difference']}: {one['expression']}\n  emulator {one['emulator']}\n"
                         f"  reference {one['reference']}\n  bindings {str(one['bindings'])[:2000]}" for one in differences)],
    )


def calls_against_models(exchanges) -> tuple[Counter, list[str]]:
    """How often each operation was called, and the violations: each once, with its first call and how often it came."""
    calls: Counter = Counter()
    first: dict[tuple[str, str, str], str] = {}
    often: Counter = Counter()
    for request, answer in exchanges:
        operation, violations = models.violations(request, answer)
        calls[f"{request.service}:{operation}"] += 1
        for violation in violations:
            if not expected(request.service, operation, violation):
                key = (request.service, operation, violation.split(", found")[0])
                often[key] += 1
                first.setdefault(key, f"{violation}\n  {request.method} {request.path}?{request.query} {request.body[:300]!r}"
                                      f"\n  answer {answer and (answer.status, answer.body[:300])}")
    return calls, [f"{key[0]}:{key[1]}, {often[key]} times: {said}" for key, said in first.items()]


def expected(service: str, operation: str, violation: str) -> str | None:
    """The reason why a violation is the emulator's."""
    return next((reason for (of, name, part), reason in EMULATOR.items()
                 if of == service and name in (operation, "*") and part in violation), None)
