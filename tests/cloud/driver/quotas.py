"""What AWS lets an account do at once and in a second, and how it says no.

Token buckets, as AWS documents them: a full bucket at first, one token a call, refilled at a rate. Off until a test asks for them
(`Cloud.quotas`). Calls of the functions to S3 and Glue are counted at the proxy, everything else inside the emulator (limited.py).

Time runs SPEED times as fast as on AWS: a Wait, the delay of a retrier and a visibility timeout last 1/SPEED of what they say, so
the rates are multiplied by SPEED. The work of the functions is not faster. So two cores do not reach the published rates, and only
the concurrency binds by itself; a test that is about another quota makes it smaller.
"""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

SPEED = 20


@dataclass(frozen=True)
class Rate:
    """A bucket: how much it holds, and what it gets back in a second."""

    burst: float
    per_second: float


# Step Functions: "Quotas related to API action throttling", us-east-1. S3: for each prefix; a bucket begins as one prefix and is
# split "gradually", so here it is one. Glue publishes no rate for its catalog: an assumption.
PUBLISHED = {
    "StartExecution": Rate(1300, 300),
    "RedriveExecution": Rate(1300, 300),
    "GetExecutionHistory": Rate(400, 20),
    "S3 write": Rate(3500, 3500),
    "S3 read": Rate(5500, 5500),
    "Glue": Rate(100, 50),
}
# In most other regions.
SMALLER = PUBLISHED | {"StartExecution": Rate(500, 150), "RedriveExecution": Rate(500, 150)}


@dataclass(frozen=True)
class Limits:
    """The quotas of an account, in AWS's time. 10 is what many new accounts have."""

    concurrency: int = 10
    rates: dict[str, Rate] = field(default_factory=lambda: SMALLER)

    def to_json(self) -> dict:
        """For the emulator's process."""
        return asdict(self)

    @staticmethod
    def from_json(value: dict) -> "Limits":
        """What `to_json` wrote."""
        return Limits(value["concurrency"], {name: Rate(**rate) for name, rate in value["rates"].items()})


class Account:
    """What is left of the quotas, and what was refused. Without limits nothing is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._limits: Limits | None = None
        self._levels: dict[tuple[str, str], tuple[float, float]] = {}
        self.refused: Counter[str] = Counter()

    def limit(self, limits: Limits | None):
        """From now on, with full buckets and nothing refused."""
        with self._lock:
            self._limits = limits
            self._levels.clear()
            self.refused.clear()

    def take(self, action: str, resource: str = "") -> bool:
        """Whether the account may do that now."""
        with self._lock:
            rate = self._limits and self._limits.rates.get(action)
            if not rate:
                return True
            now = self._clock()
            level, at = self._levels.get((action, resource), (rate.burst, now))
            level = min(rate.burst, level + (now - at) * rate.per_second * SPEED)
            allowed = level >= 1
            self._levels[action, resource] = (level - allowed, now)
            if not allowed:
                self.refused[action] += 1
            return allowed

    def refuse(self, action: str):
        """Counts what was refused for another reason than a rate."""
        with self._lock:
            self.refused[action] += 1


# The account of this process.
ACCOUNT = Account()


def refusal(account: Account, service: str, method: str, path: str) -> tuple[int, str, bytes] | None:
    """Status, content type and body of AWS's no to a call of a function; `None` if it is allowed."""
    if service == "s3":
        kind = "S3 read" if method in ("GET", "HEAD") else "S3 write"
        bucket = path.lstrip("/").split("/")[0]
        if not account.take(kind, bucket):
            body = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.'
                    f"</Message><RequestId>{uuid.uuid4().hex[:16].upper()}</RequestId><HostId>host</HostId></Error>")
            return 503, "application/xml", body.encode()
    if service == "glue" and not account.take("Glue"):
        return 400, "application/x-amz-json-1.1", b'{"__type":"ThrottlingException","Message":"Rate exceeded"}'
    return None
