"""Each function may do exactly what it does: the roles' grants beside the calls that the binaries made, both ways.

That the grants suffice, every other test shows as well: the emulator refuses what a role does not allow. Here the rare paths
are walked, so that a right that nobody needs stands out.
"""

import subprocess
import time

import pytest
from driver import compaction, rights
from driver.cloud import FUNCTIONS, unique
from driver.processes import wait_until
from test_backfill import backfill
from test_start import s3_record, sqs_event

POLLED = "Lambda polls the queue for the function, with the function's role"
LOGGED = "Lambda writes the log for the function, with the function's role"
NOT_FOUND = "no call: it makes S3 answer 'not there' instead of 'forbidden' about an object that is missing"
ATHENAS = "Athena writes what a statement answers with the rights of the function that started it"
LARGE = "an upload of a large object in parts, one of which does not arrive"
LONG_FOOTER = "the rest of a Parquet footer that is longer than the 64 KiB that are read at first, of the version that has it"

OF_NO_VERSIONS = "in a bucket without versions AWS asks for this one, the emulator for that of a version"
ATHENA_READS = "Athena reads the tables with the rights of the function that started the statement"
ERASES_ALL = "test_forget.py makes it, in a deployment of its own"

# Rights that no call of the binary shows.
WITHOUT_A_CALL = {
    "catalog": {f"s3:{action} on results": ATHENAS for action in (
        "GetBucketLocation", "ListBucket", "GetObject", "PutObject", "AbortMultipartUpload", "ListMultipartUploadParts")},
    "start": {"sqs:ReceiveMessage": POLLED, "sqs:DeleteMessage": POLLED, "sqs:GetQueueAttributes": POLLED, "s3:ListBucket on processed": NOT_FOUND},
    "forget": {
        **{f"s3:{action} on results": ATHENAS for action in ("GetBucketLocation", "GetObject", "PutObject", "AbortMultipartUpload", "ListMultipartUploadParts")},
        **{f"s3:DeleteObject on {bucket}": OF_NO_VERSIONS for bucket in ("raw", "work", "processed", "results")},
        **{right: ERASES_ALL for right in (
            "states:StopExecution", "glue:GetPartition", "glue:BatchUpdatePartition", "s3:GetObject on raw")},
        **{f"glue:{action}": ATHENA_READS for action in ("GetDatabase", "GetTable", "GetPartitions")},
        **{f"s3:ListBucket on {bucket}": NOT_FOUND for bucket in ("raw", "work", "processed")},
    },
    "validate": {"s3:ListBucket on raw": NOT_FOUND, "s3:ListBucket on processed": NOT_FOUND},
    "write": {"s3:ListBucket on processed": NOT_FOUND},
    "parse": {"s3:ListBucket on raw": NOT_FOUND},
    "crawl": {
        "s3:ListBucket on work": NOT_FOUND, "s3:ListBucket on processed": NOT_FOUND, "s3:GetObjectVersion on processed": LONG_FOOTER,
    },
    "compact": {"s3:AbortMultipartUpload on processed": LARGE},
}
FOR_THE_LOG = {"logs:CreateLogStream": LOGGED, "logs:PutLogEvents": LOGGED}


@pytest.fixture(scope="module")
def rare_paths(cloud, ecg, fixtures, tmp_path_factory):
    """What the other tests do not make the functions do."""
    prefix = unique("rights")
    good = (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes()
    key = prefix + "1 NSR/900m (0).mat"
    cloud.put(key, good)
    cloud.put(prefix + "text.mat", (fixtures / "malformed/text.mat").read_bytes())
    assert {one.status for one in cloud.wait_for_executions(prefix, 2)} == {"SUCCEEDED", "FAILED"}
    an_object_without_a_version(cloud, key)
    # A rerun asks for the execution that was there first.
    backfill(cloud, prefix=prefix + "1", suffix="rights")
    a_catalog_from_before(cloud, good)
    parts_that_do_not_arrive(cloud, ecg, tmp_path_factory.mktemp("rights"))
    an_erasure(cloud, ecg, good)
    # Last: what comes on this day afterwards would wait.
    days_of_compaction(cloud, good)


def an_object_without_a_version(cloud, key):
    """Uploads from before the bucket was versioned have none; their ETag pins the bytes."""
    record = s3_record(cloud, key)
    del record["s3"]["object"]["versionId"]
    assert cloud.invoke("start", sqs_event({"Records": [record]})) == ({"batchItemFailures": []}, False)
    executions = cloud.wait_for_executions(key, 2)
    assert {one.status for one in executions} == {"SUCCEEDED"}, cloud.explain(key)


def a_catalog_from_before(cloud, good):
    """A table and its partition of an older pipeline, with a column less: crawl mends the partition, catalog the table. Then no catalog at all."""
    glue, database = cloud.client("glue"), cloud.outputs["DatabaseName"]
    table = glue.get_table(DatabaseName=database, Name="recordings")["Table"]
    columns = table["StorageDescriptor"]["Columns"]
    [partition] = glue.get_partitions(DatabaseName=database, TableName="recordings")["Partitions"]
    older = {"Columns": columns[:-1]}
    glue.update_table(DatabaseName=database, TableInput={
        name: table[name] for name in ("Name", "Description", "PartitionKeys", "TableType", "Parameters") if name in table
    } | {"StorageDescriptor": table["StorageDescriptor"] | older})
    glue.delete_partition(DatabaseName=database, TableName="recordings", PartitionValues=partition["Values"])
    glue.create_partition(
        DatabaseName=database, TableName="recordings",
        PartitionInput={"Values": partition["Values"], "StorageDescriptor": partition["StorageDescriptor"] | older})

    key = unique("rights-older") + "1 NSR/900m (0).mat"
    cloud.put(key, good)
    cloud.succeeded(key)
    assert cloud.invoke("catalog", {})[1] is False
    assert glue.get_table(DatabaseName=database, Name="recordings")["Table"]["StorageDescriptor"]["Columns"] == columns
    [partition] = glue.get_partitions(DatabaseName=database, TableName="recordings")["Partitions"]
    assert partition["StorageDescriptor"]["Columns"] == columns

    glue.delete_database(Name=database)
    assert cloud.invoke("catalog", {})[1] is False
    key = unique("rights-none") + "1 NSR/900m (0).mat"
    cloud.put(key, good)
    execution = cloud.succeeded(key)
    assert cloud.query(f"select source_key from recordings where recording_id = '{execution.name}'") == [{"source_key": key}]


def an_erasure(cloud, ecg, good):
    """A recording is erased, and one that was rejected before its bytes were read."""
    prefix = unique("rights-erased")
    # Bytes that no other test uploads: these would be erased, too, and stay out.
    cloud.put(prefix + "1 NSR/900m (0).mat", good[:-2] + b"\x55\x01")
    # One byte more than a header may have.
    cloud.put(prefix + "text.hea", b"#" * 65_537)
    cloud.put(prefix + "text.mat", f"no recording: {prefix}".encode())
    assert {one.status for one in cloud.wait_for_executions(prefix, 2)} == {"SUCCEEDED", "FAILED"}
    assert cloud.query(f"select content_sha256 from rejections where source_key like '{prefix}%'") == [{"content_sha256": None}]
    subprocess.run([ecg, "forget", "--aws", "--key", prefix, "--yes"], check=True, capture_output=True, env=cloud.environment)
    assert cloud.executions(prefix) and not [key for key in cloud.objects("") if "rights-erased" in key]


def days_of_compaction(cloud, good):
    """A day is compacted, opened again by a late recording, compacted, sealed, emptied of small objects, and gets a late recording."""
    day = cloud.query("select max(dt) as dt from recordings")[0]["dt"]
    prefix = unique("rights-compaction")

    def more(name):
        cloud.put(f"{prefix}{name}/1 NSR/900m (0).mat", good)
        return f"{prefix}{name}/1 NSR/900m (0).mat"

    compaction.compact(cloud, day=day)
    cloud.succeeded(more("opens"))
    compaction.compact(cloud, day=day)
    for days in (31, 2):
        compaction.let_days_pass(cloud, day, days)
        compaction.compact(cloud, day=day)
    late = more("late")
    wait_until("it waits", 60, lambda: compaction.register(cloud, day).get("late"), lambda: cloud.explain(late))
    # S3 tells whole seconds.
    time.sleep(1.1)
    compaction.compact(cloud, day=day)
    compaction.let_listed_count(cloud, day)
    cloud.succeeded(late)
    # Closed days only.
    assert compaction.compact(cloud, after_hours=6) == []


def parts_that_do_not_arrive(cloud, ecg, folder):
    """Three functions upload in parts. Of each the second part fails until the function gives up, cleans up, and is run again."""
    subprocess.run([ecg, "synth", folder / "long.mat", "--duration", "10h", "--leads", "2"], check=True, capture_output=True)
    given_up: set[str] = set()

    def fault(call):
        if call.method == "DELETE" and "uploadId=" in call.query:
            given_up.add(call.access_key_id)
        return "partNumber=2" in call.query and call.access_key_id not in given_up

    prefix = unique("rights-parts")
    with cloud.proxy.failing(fault):
        for path in sorted(folder.iterdir()):
            cloud.put(prefix + path.name, path.read_bytes())
        execution = cloud.succeeded(prefix + "long.mat", seconds=500)
    assert len(given_up) == 3, f"{len(given_up)} functions gave up an upload"
    rows = cloud.query(f"select duration_s from recordings where recording_id = '{execution.name}'")
    assert [float(row["duration_s"]) for row in rows] == [10 * 3600]
    for name in ("WorkBucketName", "ProcessedBucketName"):
        assert "Uploads" not in cloud.client("s3").list_multipart_uploads(Bucket=cloud.outputs[name]), name


def test_no_call_was_refused(cloud, rare_paths):
    refused = {(call.service, call.method, call.path, call.target) for call in cloud.proxy.calls() if call.status == 403}
    assert refused == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_granted_is_what_is_called(cloud, rare_paths, function):
    granted, called = rights.granted(cloud)[function], rights.called(cloud)[function]
    explained = set(WITHOUT_A_CALL.get(function, {})) | set(FOR_THE_LOG)
    assert called <= granted, f"called, but not granted: {sorted(called - granted)}"
    assert granted <= called | explained, f"granted, but never called: {sorted(granted - called - explained)}"
    assert explained <= granted - called, f"explained, but not granted or called after all: {sorted(explained - granted | called & explained)}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_granted_is_what_is_listed(cloud, function):
    assert rights.granted(cloud)[function] == rights.listed(function)
