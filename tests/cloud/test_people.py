"""What the policies for people allow and refuse, held against calls: the emulator judges them as IAM does.

It does not judge what Athena does in a person's name, nor keys: for these infra/test holds the statements.
"""

import io

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from driver.cloud import unique
from driver.ministack import REGION
from driver.processes import wait_until


class Person:
    """A user with one managed policy and nothing else."""

    def __init__(self, cloud, name, policy_arn):
        iam = cloud.client("iam")
        iam.create_user(UserName=name)
        iam.attach_user_policy(UserName=name, PolicyArn=policy_arn)
        self._key = iam.create_access_key(UserName=name)["AccessKey"]
        self._endpoint = cloud.emulator.endpoint

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self._endpoint, region_name=REGION, aws_access_key_id=self._key["AccessKeyId"],
            aws_secret_access_key=self._key["SecretAccessKey"], config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))


@pytest.fixture(scope="module")
def analyst(everything) -> Person:
    return Person(everything, "analyst", everything.outputs["AnalystPolicyArn"])


@pytest.fixture(scope="module")
def uploader(everything) -> Person:
    """Of the prefix site-1/."""
    return Person(everything, "site-1", everything.outputs["UploaderPolicyArns"].split(",")[0])


@pytest.fixture(scope="module")
def recording(everything, fixtures):
    key = "site-1/" + unique("people") + "1 NSR/900m (0).mat"
    everything.put(key, (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes())
    return everything.succeeded(key)


def refused(call, **arguments) -> bool:
    """Whether IAM refuses the call. Any other error is one."""
    try:
        call(**arguments)
    except ClientError as error:
        # Of HEAD there is no more than the status.
        if "AccessDenied" in error.response["Error"]["Code"] or error.response["Error"]["Code"] == "403":
            return True
        raise
    return False


def test_an_analyst_queries_and_gets_the_answer(everything, analyst, recording):
    athena = analyst.client("athena")
    query = athena.start_query_execution(
        QueryString=f"select source_key from recordings where recording_id = '{recording.name}'", WorkGroup=everything.outputs["WorkgroupName"],
        QueryExecutionContext={"Database": everything.outputs["DatabaseName"]})["QueryExecutionId"]
    execution = wait_until("the query has ended", 60, lambda: next(
        (found for found in [athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]]
         if found["Status"]["State"] not in ("QUEUED", "RUNNING")), None))
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    rows = athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in rows] == ["source_key", recording.input["source"]["key"]]
    # Athena writes the answer in the name of who asked; the emulator writes none.
    s3 = analyst.client("s3")
    bucket, _, key = execution["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")
    s3.put_object(Bucket=bucket, Key=key, Body=b"source_key")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"source_key"
    assert refused(s3.put_object, Bucket=bucket, Key="elsewhere.csv", Body=b"x") and refused(s3.delete_object, Bucket=bucket, Key=key)
    assert query in athena.list_query_executions(WorkGroup=everything.outputs["WorkgroupName"])["QueryExecutionIds"]


def test_an_analyst_sees_tables_and_partitions(everything, analyst, recording):
    glue, database = analyst.client("glue"), everything.outputs["DatabaseName"]
    assert glue.get_table(DatabaseName=database, Name="recordings")["Table"]["PartitionKeys"][0]["Name"] == "dt"
    assert glue.get_partitions(DatabaseName=database, TableName="recordings")["Partitions"]
    assert {"recordings", "segments", "beats"} <= {table["Name"] for table in glue.get_tables(DatabaseName=database)["TableList"]}


def test_an_analyst_reads_the_tables_objects_and_no_other(everything, analyst, recording):
    s3, bucket = analyst.client("s3"), everything.outputs["ProcessedBucketName"]
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix="recordings/")["Contents"]]
    assert any(recording.name in key for key in keys)
    assert s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read()[:4] == b"PAR1"
    source, raw, work = recording.input["source"], everything.raw_bucket, everything.outputs["WorkBucketName"]
    verdict = f"{recording.name}/verdict.json"
    everything.client("s3").head_object(Bucket=work, Key=verdict)
    for call, arguments in [
        (s3.get_object, {"Bucket": raw, "Key": source["key"]}),
        (s3.get_object, {"Bucket": raw, "Key": source["key"], "VersionId": source["version"]}),
        (s3.head_object, {"Bucket": raw, "Key": source["key"]}),
        (s3.list_objects_v2, {"Bucket": raw}), (s3.list_object_versions, {"Bucket": raw}),
        (s3.get_object, {"Bucket": work, "Key": verdict}), (s3.list_objects_v2, {"Bucket": work}),
    ]:
        assert refused(call, **arguments), arguments


def test_an_analyst_changes_nothing(everything, analyst, recording):
    s3, glue, database = analyst.client("s3"), analyst.client("glue"), everything.outputs["DatabaseName"]
    bucket = everything.outputs["ProcessedBucketName"]
    for call, arguments in [
        (s3.put_object, {"Bucket": bucket, "Key": "recordings/dt=2026-01-01/mine.parquet", "Body": b"x"}),
        (s3.delete_object, {"Bucket": bucket, "Key": f"recordings/{recording.name}.parquet"}),
        (s3.put_object, {"Bucket": everything.raw_bucket, "Key": "mine.mat", "Body": b"x"}),
        (glue.delete_table, {"DatabaseName": database, "Name": "recordings"}),
        (glue.create_table, {"DatabaseName": database, "TableInput": {"Name": "mine"}}),
        (glue.get_table, {"DatabaseName": "another", "Name": "recordings"}),
        (analyst.client("stepfunctions").start_execution, {"stateMachineArn": everything.state_machine, "input": "{}"}),
        (analyst.client("secretsmanager").get_secret_value, {"SecretId": everything.outputs["SlackSecretName"]}),
        (analyst.client("athena").start_query_execution, {"QueryString": "select 1", "WorkGroup": "primary"}),
    ]:
        assert refused(call, **arguments), arguments


def test_an_upload_below_the_prefix_is_processed(everything, uploader, fixtures):
    key = "site-1/" + unique("uploader") + "1 NSR/900m (0).mat"
    uploader.client("s3").put_object(Bucket=everything.raw_bucket, Key=key, Body=(fixtures / "recordings/1 NSR/900m (0).mat").read_bytes())
    everything.succeeded(key)


def test_an_upload_in_parts_needs_no_other_right(everything, uploader):
    s3 = uploader.client("s3")
    key, part = "site-1/" + unique("parts") + "long.bin", b"\0" * (5 * 2**20)
    s3.upload_fileobj(io.BytesIO(part * 2), everything.raw_bucket, key, Config=boto3.s3.transfer.TransferConfig(
        multipart_threshold=len(part), multipart_chunksize=len(part)))
    head = everything.client("s3").head_object(Bucket=everything.raw_bucket, Key=key)
    assert head["ContentLength"] == 2 * len(part) and head["ETag"].strip('"').endswith("-2")


def test_who_uploads_can_do_nothing_else(everything, uploader, recording):
    s3, raw, source = uploader.client("s3"), everything.raw_bucket, recording.input["source"]
    key = source["key"]
    assert key.startswith("site-1/")
    for call, arguments in [
        (s3.put_object, {"Bucket": raw, "Key": "site-2/devices/a.mat", "Body": b"x"}),
        (s3.put_object, {"Bucket": raw, "Key": "site-10/a.mat", "Body": b"x"}),
        (s3.put_object, {"Bucket": raw, "Key": "a.mat", "Body": b"x"}),
        (s3.put_object, {"Bucket": everything.outputs["ProcessedBucketName"], "Key": "site-1/a.mat", "Body": b"x"}),
        (s3.get_object, {"Bucket": raw, "Key": key}), (s3.head_object, {"Bucket": raw, "Key": key}),
        (s3.list_objects_v2, {"Bucket": raw, "Prefix": "site-1/"}),
        (s3.delete_object, {"Bucket": raw, "Key": key}), (s3.delete_object, {"Bucket": raw, "Key": key, "VersionId": source["version"]}),
        (s3.put_object_tagging, {"Bucket": raw, "Key": key, "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}),
        (s3.put_object_retention, {"Bucket": raw, "Key": key, "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": "2026-01-01T00:00:00Z"}}),
        (s3.put_object_acl, {"Bucket": raw, "Key": key, "ACL": "public-read"}),
        (uploader.client("athena").start_query_execution, {"QueryString": "select 1", "WorkGroup": everything.outputs["WorkgroupName"]}),
        (uploader.client("stepfunctions").start_execution, {"stateMachineArn": everything.state_machine, "input": "{}"}),
    ]:
        assert refused(call, **arguments), arguments
