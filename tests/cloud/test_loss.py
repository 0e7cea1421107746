"""Uploads that are locked, and a restore from the second copy, as infra/README.md describes it.

The replication and the lock are those of the template, put in place by S3's own calls, since the emulator's CloudFormation passes
them over. It copies at once, and gives a copy a version id of its own where S3 keeps it; it has no Batch Replication.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from driver.assembly import stack
from driver.cloud import STACK, unique
from driver.compaction import compact, let_days_pass, let_listed_count, locations, register
from driver.ministack import ACCOUNT
from driver.template import Template
from test_backfill import backfill

REPOSITORY = Path(__file__).resolve().parents[2]
BUCKETS = {"Raw": "RawBucketName", "Processed": "ProcessedBucketName"}
TABLES = ("recordings", "segments", "beats")
# What depends on the version of an upload and on its time. Nothing else may differ after an upload was copied back.
OF_THE_VERSION = ("recording_id", "source_version", "source_etag", "source_sequencer", "uploaded_at", "dt")


@pytest.fixture(scope="module")
def copies(everything) -> dict[str, str]:
    """The buckets of the second copy, by the name of the bucket that each is a copy of; from here on S3 copies."""
    s3 = everything.client("s3")
    assembled = Path(os.environ["ECG_CDK_EVERYTHING"])
    pipeline, elsewhere = (Template(stack(assembled, name).template) for name in (STACK, f"{STACK}-copy"))
    named = {body["BucketName"]: body for body in elsewhere.of("AWS::S3::Bucket").values() if "BucketName" in body}
    found = {}
    for logical_id, body in pipeline.of("AWS::S3::Bucket").items():
        if "ReplicationConfiguration" not in body:
            continue
        [name] = [name for name in BUCKETS if logical_id.startswith(f"Buckets{name}")]
        bucket = everything.outputs[BUCKETS[name]]
        configured = body["ReplicationConfiguration"]
        rules = configured["Rules"]
        [copy] = {rule["Destination"]["Bucket"].rsplit(":", 1)[1] for rule in rules}
        # The bucket that the other stack makes.
        assert named[copy]["VersioningConfiguration"] == {"Status": "Enabled"}
        s3.create_bucket(Bucket=copy, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_bucket_versioning(Bucket=copy, VersioningConfiguration={"Status": "Enabled"})
        for rule in rules:
            rule["ID"] = rule.pop("Id")
        s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={
            "Role": f"arn:aws:iam::{ACCOUNT}:role/ecg-pipeline-copy-to-eu-west-1", "Rules": rules})
        found[bucket] = copy
    assert found.keys() == {everything.outputs[output] for output in BUCKETS.values()}
    return found


@pytest.fixture
def uploads(everything, copies, fixtures):
    """Three recordings, processed: their prefix and the rows of each table."""
    prefix = unique("loss")
    for name in ("1 NSR/900m (0).mat", "header/two-leads.hea", "header/two-leads.mat", "formats/level5.mat"):
        everything.put(prefix + name, (fixtures / "recordings" / name).read_bytes())
    assert {one.status for one in everything.wait_for_executions(prefix, 3)} == {"SUCCEEDED"}, everything.explain(prefix)
    before = rows(everything, prefix)
    assert [len(before[table]) for table in TABLES[:1]] == [3] and all(before.values())
    return prefix, before


def rows(cloud, prefix) -> dict[str, list[str]]:
    """All rows of the uploads below the prefix, by table, as texts in a certain order."""
    ids = {row["recording_id"] for row in cloud.query(f"select recording_id from recordings where source_key like '{prefix}%'")}
    listed = ", ".join(f"'{one}'" for one in ids) or "''"
    return {table: sorted(json.dumps(row, sort_keys=True) for row in cloud.query(f"select * from {table} where recording_id in ({listed})"))
            for table in TABLES}


def without_version(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """The rows without what depends on the version."""
    return {table: sorted(json.dumps({name: value for name, value in json.loads(row).items() if name not in OF_THE_VERSION}, sort_keys=True)
                          for row in of_table) for table, of_table in found.items()}


def objects(cloud, bucket, prefix="") -> dict[str, str]:
    """ETags by key."""
    pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}


def lose(cloud, bucket, keys):
    """Removes every version, as somebody may who may do everything."""
    s3 = cloud.client("s3")
    for key in keys:
        listed = s3.list_object_versions(Bucket=bucket, Prefix=key)
        for version in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    assert not any(objects(cloud, bucket, key) for key in keys)


def of_the_recordings(cloud, bucket, prefix) -> list[str]:
    ids = [one.recording_id for one in cloud.executions(prefix)]
    return [key for key in objects(cloud, bucket) if any(recording in key for recording in ids)]


def without_events(cloud, do):
    """Does something while uploads start nothing, as the document says."""
    s3 = cloud.client("s3")
    wired = s3.get_bucket_notification_configuration(Bucket=cloud.raw_bucket)
    wired.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=cloud.raw_bucket, NotificationConfiguration={})
    try:
        do()
    finally:
        s3.put_bucket_notification_configuration(Bucket=cloud.raw_bucket, NotificationConfiguration=wired)


def test_the_copy_has_everything_and_no_removal_reaches_it(everything, copies, uploads):
    prefix, _ = uploads
    for bucket, copy in copies.items():
        keys = list(objects(everything, bucket, prefix)) or of_the_recordings(everything, bucket, prefix)
        assert keys
        kept = {key: etag for key, etag in objects(everything, copy).items() if key in keys}
        assert kept == {key: etag for key, etag in objects(everything, bucket).items() if key in keys}
        everything.client("s3").delete_object(Bucket=bucket, Key=keys[0])
        lose(everything, bucket, keys)
        assert {key: etag for key, etag in objects(everything, copy).items() if key in keys} == kept


def test_tables_that_were_copied_back_have_exactly_the_rows_that_there_were(everything, copies, uploads):
    prefix, before = uploads
    bucket = everything.outputs["ProcessedBucketName"]
    lose(everything, bucket, of_the_recordings(everything, bucket, prefix))
    assert not any(rows(everything, prefix).values())
    everything.aws("s3", "sync", f"s3://{copies[bucket]}", f"s3://{bucket}")
    assert rows(everything, prefix) == before


def test_uploads_that_were_copied_back_without_events_start_nothing_and_rows_stay(everything, copies, uploads):
    prefix, before = uploads
    bucket = everything.raw_bucket
    held = objects(everything, bucket, prefix)
    executions = len(everything.executions(prefix))
    lose(everything, bucket, [prefix])
    without_events(everything, lambda: everything.aws("s3", "sync", f"s3://{copies[bucket]}/{prefix}", f"s3://{bucket}/{prefix}"))
    assert objects(everything, bucket, prefix) == held
    time.sleep(3)
    assert (len(everything.executions(prefix)), rows(everything, prefix)) == (executions, before)


def test_tables_are_made_again_from_uploads_that_are_there(everything, copies, uploads):
    prefix, before = uploads
    bucket = everything.outputs["ProcessedBucketName"]
    lose(everything, bucket, of_the_recordings(everything, bucket, prefix))
    ended, _ = backfill(everything, prefix=prefix, suffix="again")
    assert ended["status"] == "SUCCEEDED", everything.explain(prefix)
    assert rows(everything, prefix) == before


def test_when_both_are_lost_uploads_that_come_back_make_the_same_values_under_new_ids(everything, copies, uploads):
    prefix, before = uploads
    bucket = everything.outputs["ProcessedBucketName"]
    lose(everything, bucket, of_the_recordings(everything, bucket, prefix))
    lose(everything, everything.raw_bucket, [prefix])
    everything.aws("s3", "sync", f"s3://{copies[everything.raw_bucket]}/{prefix}", f"s3://{everything.raw_bucket}/{prefix}")
    assert {one.status for one in everything.wait_for_executions(prefix, 6)} == {"SUCCEEDED"}, everything.explain(prefix)
    after = rows(everything, prefix)
    assert without_version(after) == without_version(before)
    ids = [{json.loads(row)["recording_id"] for row in found["recordings"]} for found in (before, after)]
    assert len(ids[1]) == 3 and not ids[0] & ids[1]


def as_written(cloud, document: str, after: str, names: dict[str, str]):
    """Runs the commands of the first block after these words of a document, with our names in place of those that it has."""
    text = (REPOSITORY / document).read_text()
    [block] = re.findall(r"```sh\n(.*?)```", text[text.index(after):], re.S)[:1]
    for name, ours in names.items():
        assert name in block, name
        block = block.replace(name, ours)
    aws = f'aws() {{ {shlex.quote(sys.executable)} -m awscli "$@"; }}\n'
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", aws + block], env=cloud.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_compaction_made_is_lost_and_the_copy_has_what_it_was_made_of(everything, copies, uploads):
    prefix, before = uploads
    bucket = everything.outputs["ProcessedBucketName"]
    [day] = {json.loads(row)["dt"] for row in before["recordings"]}
    compact(everything, day=day)
    let_listed_count(everything, day)
    for days in (31, 2):
        let_days_pass(everything, day, days)
        compact(everything, day=day)
    assert register(everything, day)["collected"] is True
    assert of_the_recordings(everything, bucket, prefix) == [] and rows(everything, prefix) == before
    assert not any(key.startswith("compact/") for key in objects(everything, copies[bucket]))

    lose(everything, bucket, [key for key in objects(everything, bucket, "compact/") if "/days/" not in key])
    as_written(everything, "infra/README.md", "**What compaction made is gone**", {
        "PROCESSED_BUCKET": bucket, "PROCESSED_COPY": copies[bucket], "database-name ecg": f"database-name {everything.outputs['DatabaseName']}"})
    assert locations(everything, day) == {} == objects(everything, bucket, "compact/")
    repair(everything, day)
    assert rows(everything, prefix) == before
    compact(everything, day=day)
    assert set(locations(everything, day).values()) == {"000001"} and rows(everything, prefix) == before


def repair(cloud, day):
    """What MSCK REPAIR TABLE does, which the emulator has not: registers the folder of the day."""
    glue, bucket, database = cloud.client("glue"), cloud.outputs["ProcessedBucketName"], cloud.outputs["DatabaseName"]
    for table in TABLES:
        described = glue.get_table(DatabaseName=database, Name=table)["Table"]["StorageDescriptor"]
        described["Location"] = f"s3://{bucket}/{table}/dt={day}/"
        glue.create_partition(DatabaseName=database, TableName=table, PartitionInput={"Values": [day], "StorageDescriptor": described})


def test_a_recording_is_erased_in_the_copy_by_its_keys(everything, copies, uploads):
    prefix, before = uploads
    key = prefix + "1 NSR/900m (0).mat"
    [found] = [row for row in map(json.loads, before["recordings"]) if row["source_key"] == key]
    everything.put(key + ".gz", b"whose key begins with the same")
    everything.client("s3").delete_object(Bucket=copies[everything.raw_bucket], Key=key)
    held = {bucket: set(versions(everything, bucket)) for bucket in copies.values()}
    as_written(everything, "docs/erasure.md", "## In the second copy", {
        "RAW_COPY": copies[everything.raw_bucket], "ward 7/a.mat": key, "2026-11-27": found["dt"],
        "PROCESSED_COPY": copies[everything.outputs["ProcessedBucketName"]], "ward7-a-5d41402abc4b2a76b9719d91": found["recording_id"]})
    left = {bucket: set(versions(everything, bucket)) for bucket in copies.values()}
    erased = set.union(*held.values()) - set.union(*left.values())
    assert erased == {key, *(f"{table}/dt={found['dt']}/{found['recording_id']}.parquet" for table in TABLES)}
    assert key + ".gz" in left[copies[everything.raw_bucket]]


def versions(cloud, bucket) -> list[str]:
    """Keys that have a version or a marker."""
    pages = cloud.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket)
    return [entry["Key"] for page in pages for what in ("Versions", "DeleteMarkers") for entry in page.get(what, [])]


@pytest.fixture(scope="module")
def locked(everything):
    """The bucket of uploads with the lock of the template."""
    template = Template(everything.stack.template)
    [body] = [body for name, body in template.of("AWS::S3::Bucket").items() if name.startswith("BucketsRaw")]
    everything.client("s3").put_object_lock_configuration(
        Bucket=everything.raw_bucket, ObjectLockConfiguration=body["ObjectLockConfiguration"])


# After the tests above, which remove uploads.
def test_a_locked_upload_is_removed_by_nobody_and_comes_back_from_under_a_marker(everything, locked, fixtures):
    s3, bucket = everything.client("s3"), everything.raw_bucket
    key, content = unique("locked") + "1 NSR/900m (0).mat", (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes()
    version = everything.put(key, content)
    everything.succeeded(key)
    head = s3.head_object(Bucket=bucket, Key=key)
    assert head["ObjectLockMode"] == "GOVERNANCE" and 29 < (head["ObjectLockRetainUntilDate"].timestamp() - time.time()) / 86_400 <= 30
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
    marker = s3.delete_object(Bucket=bucket, Key=key)["VersionId"]
    assert objects(everything, bucket, key) == {}
    s3.delete_object(Bucket=bucket, Key=key, VersionId=marker)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == content
    # With the right to, which no role has but for uploads of the smoke test.
    s3.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)


def test_the_smoke_test_removes_its_upload_from_a_locked_bucket(everything, locked):
    done = subprocess.run([REPOSITORY / "infra/smoke-test.sh", STACK], env=everything.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Versions" not in everything.client("s3").list_object_versions(Bucket=everything.raw_bucket, Prefix="smoke-test/")
