"""How often Glue and S3 are asked: crawl looks before it registers, and no step asks S3 twice for the same. (What the function catalog
makes is in test_catalog_owner.py.)
"""

from collections import Counter

from driver import rights
from driver.cloud import unique

TABLES = ("segments", "beats", "recordings")


def calls(cloud, fixtures):
    """What one more recording leads to."""
    before = len(cloud.proxy.calls())
    key = unique("catalog") + "1 NSR/900m (0).mat"
    cloud.put(key, (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes())
    execution = cloud.succeeded(key)
    assert cloud.query(f"select source_key from recordings where recording_id = '{execution.name}'") == [{"source_key": key}]
    return cloud.proxy.calls()[before:]


def asked(cloud, fixtures):
    """The operations of Glue that one more recording leads to."""
    return [call.target.removeprefix("AWSGlue.") for call in calls(cloud, fixtures) if call.service == "glue"]


def forget_the_day(cloud):
    """As at midnight: nothing is registered of the day."""
    s3, glue = cloud.client("s3"), cloud.client("glue")
    work = cloud.outputs["WorkBucketName"]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=work, Prefix="registered/"):
        for entry in page.get("Contents", []):
            s3.delete_object(Bucket=work, Key=entry["Key"])
    for table in TABLES:
        for partition in glue.get_partitions(DatabaseName=cloud.outputs["DatabaseName"], TableName=table)["Partitions"]:
            glue.delete_partition(
                DatabaseName=cloud.outputs["DatabaseName"], TableName=table, PartitionValues=partition["Values"])


def test_three_calls_for_the_first_recording_of_a_day_and_one_for_the_next(cloud, fixtures):
    asked(cloud, fixtures)
    forget_the_day(cloud)
    assert asked(cloud, fixtures) == ["CreatePartition", "CreatePartition", "CreatePartition"]
    assert asked(cloud, fixtures) == ["GetPartition"]


def test_a_partition_that_somebody_removed_is_made_again(cloud, fixtures):
    asked(cloud, fixtures)
    glue, database = cloud.client("glue"), cloud.outputs["DatabaseName"]
    [partition] = glue.get_partitions(DatabaseName=database, TableName="recordings")["Partitions"]
    glue.delete_partition(DatabaseName=database, TableName="recordings", PartitionValues=partition["Values"])
    operations = asked(cloud, fixtures)
    assert operations[0] == "GetPartition"
    assert operations.count("CreatePartition") == 3
    assert asked(cloud, fixtures) == ["GetPartition"]


def test_requests_to_s3(cloud, fixtures):
    """The counts of tests/tests/requests.rs, function by function. A copy is a PUT; the `.hea` that is not there is a GET."""
    asked(cloud, fixtures)
    functions = rights.callers(cloud)
    counted = Counter((functions[call.access_key_id][0], call.method)
                      for call in calls(cloud, fixtures) if call.service == "s3" and call.access_key_id in functions)
    assert counted == {
        # Whether it was erased: by its id, by its content.
        ("start", "HEAD"): 1, ("validate", "HEAD"): 1,
        ("validate", "GET"): 2, ("validate", "PUT"): 1,
        ("parse", "GET"): 2, ("parse", "PUT"): 1,
        ("transform", "GET"): 1, ("transform", "PUT"): 3,
        ("write", "GET"): 3, ("write", "PUT"): 3,
        ("crawl", "HEAD"): 1, ("crawl", "GET"): 4, ("crawl", "PUT"): 3,
    }
