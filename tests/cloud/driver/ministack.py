"""The emulator of AWS."""

import json
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from .processes import Server, free_port, wait_until

REGION = "us-east-1"
ACCOUNT = "000000000000"
# The emulator's root user: may do everything. The functions get keys of their own, see rights.py.
ACCESS_KEY_ID = "test"
SECRET_ACCESS_KEY = "test"


class Ministack:
    """One emulator with nothing in it, on a free port, its files in a temporary folder."""

    def __init__(self, function_endpoint: str | None = None):
        """`function_endpoint` is where the functions find AWS: the emulator itself, or something in front of it."""
        self.folder = Path(tempfile.mkdtemp(prefix="ecg-cloud-"))
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.function_endpoint = function_endpoint or self.endpoint
        self.server = None

    def start(self):
        """Starts it and waits until it answers."""
        self.server = Server([sys.executable, "-m", "driver.corrected"], self._environment(), self.folder / "ministack.log")
        wait_until("the emulator answers", 60, self._healthy, self.server.tail)

    def stop(self):
        """Ends it and its functions, and removes its files."""
        if self.server:
            self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        # Nothing of the caller's AWS settings may get in: neither an account, nor a profile, nor a proxy.
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("AWS_")}
        return environment | {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            # Only the functions use it.
            "AWS_ENDPOINT_URL": self.function_endpoint,
            # Roles count: a call that a function's role does not allow is refused.
            "AUTH": "true",
            "ATHENA_ENGINE": "duckdb",
            "LAMBDA_EXECUTOR": "local",
            # At its limit the emulator fails with an error that Step Functions has not; corrected.py bounds it instead.
            "LAMBDA_ACCOUNT_CONCURRENCY": "0",
            "LAMBDA_WARM_TTL_SECONDS": "20",
            "SFN_WAIT_SCALE": "0.05",
            "ECG_QUOTAS": str(self.folder / "quotas.json"),
            "TMPDIR": str(self.folder),
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        }

    def _healthy(self) -> bool:
        self.server.check()
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2) as answer:
                return answer.status == 200 and bool(json.load(answer))
        except (urllib.error.URLError, OSError, ValueError):
            return False
