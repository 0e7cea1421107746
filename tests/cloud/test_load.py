"""Load becomes waiting: with AWS's quotas on, nothing is rejected because others came too.

Waiting is scaled (driver/quotas.py), the work of the functions is not, so a concurrency of 10 on these two cores is scarcer than on AWS. The whole size is
`ECG_UPLOADS=2000`; the suite runs a fifth of it on two fifths of the concurrency.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from driver.cloud import unique
from driver.tables import from_cloud

UPLOADS = int(os.environ.get("ECG_UPLOADS", "400"))
CONCURRENCY = 10 if UPLOADS >= 2000 else 4
# Every fourth is bad.
BAD = 4
# Messages about one cause that are sent on their own in ten minutes.
SINGLE = 5
# A second of waiting lasts so long.
WAIT_SCALE = 0.1


@pytest.fixture
def quotas(cloud):
    yield cloud.quotas
    cloud.quotas.turn_off()


def upload(cloud, fixtures, prefix, count):
    """Uploads so many at once and gives the keys of the good and of the bad ones."""
    good = (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes()
    bad = (fixtures / "malformed/text.mat").read_bytes()
    bodies = {f"{prefix}1 NSR/{number}m ({number}).mat": bad if number % BAD == 0 else good for number in range(count)}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(cloud.put, bodies, bodies.values()))
    return {key for key, body in bodies.items() if body is good}, {key for key, body in bodies.items() if body is bad}


def check_in_their_places(cloud, prefix, good, bad, executions):
    """One execution each, and one row each in the table where it belongs."""
    status = {one.input["source"]["key"]: (one.status, one.error) for one in executions}
    assert len(executions) == len(status) == len(good) + len(bad)
    wrong = [key for key in good if status[key] != ("SUCCEEDED", None)] + [key for key in bad if status[key] != ("FAILED", "Rejected")]
    assert not wrong, f"{len(wrong)} of {len(status)}: {cloud.explain(wrong[0])}"
    for table, keys in (("recordings", good), ("rejections", bad)):
        found = [key for key in from_cloud(cloud, table)["source_key"].to_pylist() if key.startswith(prefix)]
        assert sorted(found) == sorted(keys), table
    assert cloud.messages(cloud.outputs["DeadLetterQueueUrl"]) == (0, 0)


def throttled(cloud, execution) -> int:
    """How often an attempt of it was refused."""
    events = cloud.client("stepfunctions").get_execution_history(executionArn=execution.arn, maxResults=1000)["events"]
    return sum(event.get("taskFailedEventDetails", {}).get("error") in ("Throttled", "Lambda.TooManyRequestsException") for event in events)


def told(cloud, prefix, count):
    """The single messages and the digests about these uploads, once every failure is in one of them."""
    deadline = time.monotonic() + 180
    while True:
        deliveries = [delivery for delivery in cloud.slack.deliveries(prefix.strip("/")) if delivery.status == 200]
        digests = [delivery for delivery in deliveries if "--group" in delivery.text]
        singles = [delivery for delivery in deliveries if delivery not in digests]
        in_digests = sum(int(delivery.text.split("failed ")[1].split(" times")[0]) for delivery in digests)
        if len(singles) + in_digests >= count or time.monotonic() > deadline:
            return singles, digests, in_digests
        time.sleep(1)


def test_many_uploads_at_a_small_concurrency(cloud, fixtures, quotas, report):
    quotas.turn_on(concurrency=CONCURRENCY, wait_scale=WAIT_SCALE)
    prefix = unique("load")
    started = time.monotonic()
    good, bad = upload(cloud, fixtures, prefix, UPLOADS)
    executions = cloud.wait_for_executions(prefix, UPLOADS, seconds=3_000)
    ended = time.monotonic() - started
    quotas.turn_off()
    check_in_their_places(cloud, prefix, good, bad, executions)
    refused = [throttled(cloud, one) for one in executions]
    assert sum(refused) > UPLOADS, "the quota was not used up: the test shows nothing"
    singles, digests, in_digests = told(cloud, prefix, len(bad))
    report(f"load: {UPLOADS} uploads at a concurrency of {CONCURRENCY} ended after {ended:.0f} s, {sum(refused) / UPLOADS:.0f} refusals each; "
           f"{len(singles)} messages and {len(digests)} digests about {in_digests}")
    assert (len(singles), len(digests), len(singles) + in_digests) == (SINGLE, 1, len(bad)), [one.text[:300] for one in digests]


def test_s3_and_glue_that_are_overloaded(cloud, fixtures, quotas, report):
    # So little that the functions' own retries are not enough.
    quotas.turn_on(concurrency=8, wait_scale=WAIT_SCALE, buckets={"S3 reads": (40, 6), "S3 writes": (20, 2), "Glue": (2, 0.2)})
    prefix = unique("overloaded")
    good, bad = upload(cloud, fixtures, prefix, 60)
    executions = cloud.wait_for_executions(prefix, 60, seconds=900)
    refused = dict(quotas.refused)
    quotas.turn_off()
    check_in_their_places(cloud, prefix, good, bad, executions)
    assert all(refused.get(kind) for kind in ("S3 reads", "S3 writes", "Glue")), refused
    waited = sum(throttled(cloud, one) > 0 for one in executions)
    report(f"overloaded: 60 uploads, refused {refused}; {waited} executions waited")
    assert waited, "the functions' own retries were enough: the test shows nothing"
