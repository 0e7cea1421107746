"""Free ports, and servers that are awaited and ended by the process that started them."""

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what: str, seconds: float, probe: Callable[[], object], explain: Callable[[], str] = str, pause: float = 0.1):
    """The first true answer of `probe`; after `seconds` a failure that says `what` was awaited and how things stand."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s\n{explain()}")
        time.sleep(pause)


class Server:
    """A server process; its output goes to a file."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path):
        self.log = log
        with log.open("wb") as output:
            # A session of its own: Ctrl-C in the terminal reaches only the driver, which then ends the servers in order.
            self.process = subprocess.Popen(
                command, env=environment, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )

    def tail(self, lines: int = 40) -> str:
        """The end of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def check(self):
        """Fails with the end of its output if it is gone."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.process.args[0]} ended with {self.process.returncode}:\n{self.tail()}")

    def stop(self):
        """Asks it to end, then ends it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
