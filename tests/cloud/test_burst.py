"""Five hundred uploads at once: every one accounted for, none twice."""

import time

from driver.cloud import unique
from driver.many import SINGLE, bodies, check_in_their_places, told, upload

UPLOADS = 500
# Every 25th is bad.
BAD = 25


def test_a_burst(cloud, fixtures, report):
    prefix = unique("burst")
    files = bodies(fixtures, prefix, UPLOADS, BAD)
    bad = set(list(files)[::BAD])
    good = files.keys() - bad
    started = time.monotonic()
    versions = upload(cloud, files)
    uploaded = time.monotonic() - started
    executions = cloud.wait_for_executions(prefix, UPLOADS, seconds=300)
    ended = time.monotonic() - started

    # One execution per upload, of exactly its version.
    assert {one.input["source"]["key"]: one.input["source"]["version"] for one in executions} == versions
    assert len(executions) == UPLOADS
    check_in_their_places(cloud, prefix, good, bad, executions)
    for table, keys in (("recordings", good), ("rejections", bad)):
        assert cloud.query(f"select count(*) as n from {table} where source_key like '{prefix}%'") == [{"n": str(len(keys))}]
    # Of the failures five are told one by one, the rest in a digest.
    singles, digests = told(cloud, prefix, len(bad))
    assert (len(singles), list(digests.values())) == (SINGLE, [len(bad) - SINGLE])
    assert cloud.messages(cloud.outputs["QueueUrl"]) == (0, 0)
    report(f"burst: {UPLOADS} uploads in {uploaded:.0f} s, the last execution ended after {ended:.0f} s")
