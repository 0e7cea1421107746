"""AWS's quotas, off until a test turns them on: `Quotas` in the driver writes a file, the emulator's process and the proxy read it.

A token bucket has a burst and a rate a second. Waiting is scaled (`wait_scale`: a second lasts so long), so rates are divided by the same factor:
what is 300 a second on AWS is 300 within that scaled second. Concurrency is a number of invocations at one time and is not scaled; functions take as
long as they take, so in scaled time they are slower, and the concurrency is used up sooner, than on AWS.

Rates of Step Functions are those of the smaller regions (`/shared` facts: 500 and 150 for StartExecution). Glue publishes none: 10 a second and a burst of 20 is
an assumption on the safe side. S3's are per prefix, and a bucket begins as one.
"""

import json
import os
import threading
import time
from pathlib import Path

# Burst, and refilled a second.
BUCKETS = {
    "StartExecution": (500, 150),
    "GetExecutionHistory": (400, 20),
    "RedriveExecution": (500, 150),
    "Glue": (20, 10),
    "S3 writes": (3_500, 3_500),
    "S3 reads": (5_500, 5_500),
}
REFUSED = ("ThrottlingException", "Rate exceeded", 400)


class _File:
    """The settings; read again when the file has changed."""

    def __init__(self, path: Path):
        self._path, self._seen, self._settings = path, None, {}

    def settings(self) -> dict:
        try:
            seen = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if seen != self._seen:
            self._settings, self._seen = json.loads(self._path.read_text() or "{}"), seen
        return self._settings


class Buckets:
    """Token buckets by name, and what each refused."""

    def __init__(self):
        self._filled: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, name: str, burst: float, rate: float) -> bool:
        """Whether there was a token."""
        now = time.monotonic()
        with self._lock:
            tokens, at = self._filled.get(name, (burst, now))
            tokens = min(burst, tokens + (now - at) * rate)
            self._filled[name] = (max(tokens - 1, 0) if tokens >= 1 else tokens, now)
            return tokens >= 1


_FILE = _File(Path(os.environ.get("ECG_QUOTAS", "/nonexistent")))
_BUCKETS = Buckets()


def setting(name: str, otherwise):
    """A setting of the emulator's process; `otherwise` while no quotas are on."""
    return _FILE.settings().get(name, otherwise)


def refuse(operation: str):
    """Code, message and status where the quota of an operation of Step Functions is used up; else None."""
    settings = _FILE.settings()
    if not settings.get("on"):
        return None
    burst, rate = settings.get("buckets", {}).get(operation, BUCKETS[operation])
    return None if _BUCKETS.take(operation, burst, rate / settings["wait_scale"]) else REFUSED


class Quotas:
    """The driver's side: turns them on and off, and answers for the proxy."""

    def __init__(self, path: Path):
        self._path, self._settings, self._buckets = path, {}, Buckets()
        self.refused: dict[str, int] = {}

    def turn_on(self, *, concurrency: int, wait_scale: float, buckets: dict[str, tuple[float, float]] | None = None):
        """From now on AWS's quotas hold, with this concurrency of the account; `buckets` overrides single ones."""
        self._settings = {"on": True, "concurrency": concurrency, "wait_scale": wait_scale, "buckets": buckets or {}}
        self.refused = {}
        self._write()

    def turn_off(self):
        """Nothing is refused any more."""
        self._settings = {}
        self._write()

    def answer(self, call) -> tuple[int, str, bytes] | None:
        """Status, content type and body of a refusal of this call of a function; None where it may pass."""
        if not self._settings:
            return None
        if call.service == "glue":
            kind, bucket = "Glue", "Glue"
        elif call.service == "s3":
            kind = "S3 reads" if call.method in ("GET", "HEAD") else "S3 writes"
            bucket = f"{kind} {call.path.split('/')[1]}"
        else:
            return None
        burst, rate = self._settings["buckets"].get(kind, BUCKETS[kind])
        if self._buckets.take(bucket, burst, rate / self._settings["wait_scale"]):
            return None
        self.refused[kind] = self.refused.get(kind, 0) + 1
        if kind == "Glue":
            return 400, "application/x-amz-json-1.1", b'{"__type":"ThrottlingException","message":"Rate exceeded"}'
        body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        return 503, "application/xml", b"" if call.method == "HEAD" else body

    def _write(self):
        # Whole or not at all: the other process may read at any moment.
        aside = self._path.with_suffix(".new")
        aside.write_text(json.dumps(self._settings))
        os.replace(aside, self._path)
