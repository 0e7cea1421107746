"""Five hundred uploads at once: every one accounted for, none twice."""

import time
from concurrent.futures import ThreadPoolExecutor

from driver.cloud import unique
from driver.tables import from_cloud
from test_load import SINGLE, told

UPLOADS = 500
# Every 25th is bad.
BAD = 25


def test_a_burst(cloud, fixtures, report):
    prefix = unique("burst")
    good = (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes()
    bad = (fixtures / "malformed/text.mat").read_bytes()
    bodies = {f"{prefix}1 NSR/{number}m ({number}).mat": bad if number % BAD == 0 else good for number in range(UPLOADS)}
    started = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        versions = dict(zip(bodies, pool.map(cloud.put, bodies, bodies.values()), strict=True))
    uploaded = time.monotonic() - started
    executions = cloud.wait_for_executions(prefix, UPLOADS, seconds=300)
    ended = time.monotonic() - started

    # One execution per upload, of exactly its version.
    assert {one.input["source"]["key"]: one.input["source"]["version"] for one in executions} == versions
    assert len(executions) == UPLOADS
    expected = {key: "FAILED" if body is bad else "SUCCEEDED" for key, body in bodies.items()}
    ended_as = {one.input["source"]["key"]: one.status for one in executions}
    wrong = [key for key in bodies if ended_as[key] != expected[key]]
    assert not wrong, cloud.explain(wrong[0])

    # One row each, in the table where it belongs.
    for table, status in (("recordings", "SUCCEEDED"), ("rejections", "FAILED")):
        keys = [key for key in from_cloud(cloud, table)["source_key"].to_pylist() if key.startswith(prefix)]
        assert sorted(keys) == sorted(key for key in bodies if expected[key] == status), table
        assert cloud.query(f"select count(*) as n from {table} where source_key like '{prefix}%'") == [{"n": str(len(keys))}]
    # Of the failures five are told one by one, the rest in a digest.
    singles, digests, in_digests = told(cloud, prefix, UPLOADS // BAD)
    assert (len(singles), len(digests), in_digests) == (SINGLE, 1, UPLOADS // BAD - SINGLE)
    assert cloud.messages(cloud.outputs["QueueUrl"]) == (0, 0)
    assert cloud.messages(cloud.outputs["DeadLetterQueueUrl"]) == (0, 0)
    report(f"burst: {UPLOADS} uploads in {uploaded:.0f} s, the last execution ended after {ended:.0f} s")
