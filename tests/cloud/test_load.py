"""Load becomes waiting: with AWS's quotas on, nothing is rejected because others came too.

Waiting is scaled (driver/quotas.py), the work of the functions is not, so a concurrency of 10 on these two cores is scarcer than on AWS. The whole size is
`ECG_UPLOADS=2000`; the suite runs a fifth of it on two fifths of the concurrency.
"""

import os
import time

import pytest
from driver.cloud import unique
from driver.many import SINGLE, bodies, check_in_their_places, told, upload

UPLOADS = int(os.environ.get("ECG_UPLOADS", "400"))
CONCURRENCY = 10 if UPLOADS >= 2000 else 4
# Every fourth is bad.
BAD = 4
# A second of waiting lasts so long.
WAIT_SCALE = 0.1


@pytest.fixture
def quotas(cloud):
    yield cloud.quotas
    cloud.quotas.turn_off()


def uploaded(cloud, fixtures, prefix, count):
    """The keys of the good and of the bad ones of so many uploads at once."""
    files = bodies(fixtures, prefix, count, BAD)
    upload(cloud, files)
    bad = set(list(files)[::BAD])
    return files.keys() - bad, bad


def throttled(cloud, execution) -> int:
    """How often an attempt of it was refused."""
    events = cloud.client("stepfunctions").get_execution_history(executionArn=execution.arn, maxResults=1000)["events"]
    return sum(event.get("taskFailedEventDetails", {}).get("error") in ("Throttled", "Lambda.TooManyRequestsException") for event in events)


def test_many_uploads_at_a_small_concurrency(cloud, fixtures, quotas, report):
    quotas.turn_on(concurrency=CONCURRENCY, wait_scale=WAIT_SCALE)
    prefix = unique("load")
    started = time.monotonic()
    good, bad = uploaded(cloud, fixtures, prefix, UPLOADS)
    executions = cloud.wait_for_executions(prefix, UPLOADS, seconds=3_000)
    ended = time.monotonic() - started
    quotas.turn_off()
    check_in_their_places(cloud, prefix, good, bad, executions)
    refused = [throttled(cloud, one) for one in executions]
    assert sum(refused) > UPLOADS, "the quota was not used up: the test shows nothing"
    singles, digests = told(cloud, prefix, len(bad))
    report(f"load: {UPLOADS} uploads at a concurrency of {CONCURRENCY} ended after {ended:.0f} s, {sum(refused) / UPLOADS:.0f} refusals each; "
           f"{len(singles)} messages and digests about {list(digests.values())}")
    assert (len(singles), list(digests.values())) == (SINGLE, [len(bad) - SINGLE]), list(digests)


def test_s3_and_glue_that_are_overloaded(cloud, fixtures, quotas, report):
    # So little that the functions' own retries are not enough. The burst is smaller than what one step reads or writes in a row, so that each is refused however
    # slow this machine is; with a large one, reads that wait keep writes below their rate.
    quotas.turn_on(concurrency=8, wait_scale=WAIT_SCALE, buckets={"S3 reads": (3, 2), "S3 writes": (2, 2), "Glue": (2, 0.2)})
    prefix = unique("overloaded")
    good, bad = uploaded(cloud, fixtures, prefix, 60)
    executions = cloud.wait_for_executions(prefix, 60, seconds=900)
    refused = dict(quotas.refused)
    quotas.turn_off()
    check_in_their_places(cloud, prefix, good, bad, executions)
    assert all(refused.get(kind) for kind in ("S3 reads", "S3 writes", "Glue")), refused
    waited = sum(throttled(cloud, one) > 0 for one in executions)
    report(f"overloaded: 60 uploads, refused {refused}; {waited} executions waited")
    assert waited, "the functions' own retries were enough: the test shows nothing"
