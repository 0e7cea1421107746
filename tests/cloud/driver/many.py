"""Many uploads at once, good and bad ones, and what has to become of them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .cloud import Cloud
from .processes import wait_until
from .slack import Delivery
from .tables import from_cloud

# What notify sends one by one about one cause within ten minutes.
SINGLE = 5


def upload(cloud: Cloud, bodies: dict[str, bytes]) -> dict[str, str]:
    """Uploads all of these keys at once and gives their versions."""
    with ThreadPoolExecutor(16) as pool:
        return dict(zip(bodies, pool.map(cloud.put, bodies, bodies.values()), strict=True))


def bodies(fixtures: Path, prefix: str, count: int, bad_every: int | None = None) -> dict[str, bytes]:
    """So many files below the prefix; every `bad_every`th is no recording."""
    good = (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes()
    bad = (fixtures / "malformed/text.mat").read_bytes()
    return {f"{prefix}1 NSR/{number}m ({number}).mat": bad if bad_every and number % bad_every == 0 else good for number in range(count)}


def check_in_their_places(cloud: Cloud, prefix: str, good: set[str], bad: set[str], executions: list):
    """One execution each, and one row each in the table where it belongs."""
    status = {one.input["source"]["key"]: (one.status, one.error) for one in executions}
    assert len(executions) == len(status) == len(good) + len(bad)
    wrong = [key for key in good if status[key] != ("SUCCEEDED", None)] + [key for key in bad if status[key] != ("FAILED", "Rejected")]
    assert not wrong, f"{len(wrong)} of {len(status)}: {cloud.explain(wrong[0])}"
    check_rows(cloud, prefix, good, bad)


def check_rows(cloud: Cloud, prefix: str, good: set[str], bad: set[str]):
    """One row each in the table where it belongs, and nothing among the dead letters."""
    for table, keys in (("recordings", good), ("rejections", bad)):
        found = [key for key in from_cloud(cloud, table)["source_key"].to_pylist() if key.startswith(prefix)]
        assert sorted(found) == sorted(keys), table
    assert cloud.messages(cloud.outputs["DeadLetterQueueUrl"]) == (0, 0)


def told(cloud: Cloud, prefix: str, failures: int) -> tuple[list[Delivery], dict[str, int]]:
    """The single messages about these uploads, and the texts of the digests with how many each is about; once every failure is in one of them."""

    def everything():
        deliveries = [delivery for delivery in cloud.slack.deliveries(prefix) if delivery.status == 200]
        digests = {delivery.text: _counted(delivery.text) for delivery in deliveries if "beside those told one by one" in delivery.text}
        singles = [delivery for delivery in deliveries if delivery.text not in digests]
        return (singles, digests) if len(singles) + sum(digests.values()) >= failures else None

    return wait_until(f"{failures} failures below {prefix} are told", 240, everything, pause=1)


def _counted(digest: str) -> int:
    """How many failures a digest says it is about: "*Failed:* validate 4, write 2, beside …"."""
    line = next(line for line in digest.splitlines() if line.startswith("*Failed:*"))
    return sum(int(part.split()[-1]) for part in line.removeprefix("*Failed:*").split(",") if part.split()[-1].isdigit())
