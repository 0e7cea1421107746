"""From events to executions: each exactly once, however often and in whatever company it is delivered."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from driver.cloud import unique
from driver.processes import wait_until


@pytest.fixture
def recording(fixtures):
    return (fixtures / "recordings/formats/level5.mat").read_bytes()


def s3_record(cloud, key):
    """The record of S3's notification about the newest version of that object, and with the same id."""
    head = cloud.client("s3").head_object(Bucket=cloud.raw_bucket, Key=key)
    return {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": head["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.000Z"), "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": cloud.raw_bucket, "arn": f"arn:aws:s3:::{cloud.raw_bucket}"},
            # Keys here have no character that S3 would encode.
            "object": {"key": key, "size": head["ContentLength"], "eTag": head["ETag"].strip('"'),
                       "versionId": head["VersionId"], "sequencer": "0055AED6DCD90281E5"},
        },
    }


def sqs_event(*bodies):
    """What the event source mapping hands to the function."""
    return {"Records": [
        {"messageId": f"m{number}", "receiptHandle": "r", "body": body if isinstance(body, str) else json.dumps(body),
         "attributes": {}, "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:::q",
         "awsRegion": "us-east-1"}
        for number, body in enumerate(bodies, 1)]}


@pytest.mark.parametrize("times", [1, 2, 10])
def test_the_same_event_many_times_at_once(cloud, recording, times):
    key = f"{unique('repeated')}{times}.mat"
    cloud.put(key, recording)
    # S3 has delivered it once. Now again: through the queue, and to the function, all at the same time.
    body = {"Records": [s3_record(cloud, key)]}
    with ThreadPoolExecutor(2 * times) as pool:
        sent = [pool.submit(cloud.client("sqs").send_message, QueueUrl=cloud.outputs["QueueUrl"], MessageBody=json.dumps(body))
                for _ in range(times)]
        invoked = [pool.submit(cloud.invoke, "start", sqs_event(body)) for _ in range(times)]
        assert [call.result() for call in invoked] == [({"batchItemFailures": []}, False)] * times
        for call in sent:
            call.result()
    execution = cloud.succeeded(key)
    wait_until("the queue is empty", 30, lambda: cloud.messages(cloud.outputs["QueueUrl"]) == (0, 0))
    # And once more, long after it ended.
    assert cloud.invoke("start", sqs_event(body)) == ({"batchItemFailures": []}, False)
    assert [one.name for one in cloud.executions(key)] == [execution.name]
    rows = cloud.query(f"select recording_id from recordings where source_key = '{key}'")
    assert rows == [{"recording_id": execution.recording_id}]


def test_the_same_event_while_its_execution_runs(cloud, recording, without_events):
    key = unique("still-running") + "again.mat"
    cloud.put(key, recording)
    event = sqs_event({"Records": [s3_record(cloud, key)]})
    for _ in range(3):
        assert cloud.invoke("start", event) == ({"batchItemFailures": []}, False)
    cloud.succeeded(key)
    assert len(cloud.executions(key)) == 1
    # Step Functions said yes to the same input of an open execution, and no to that of an ended one: both are success.
    assert cloud.invoke("start", event) == ({"batchItemFailures": []}, False)
    assert len(cloud.executions(key)) == 1


def test_two_records_in_one_message_one_of_them_bad(cloud, recording):
    prefix = unique("half-bad")
    for name in ("one", "two"):
        cloud.put(f"{prefix}{name}.mat", recording)
    good, other = s3_record(cloud, prefix + "one.mat"), s3_record(cloud, prefix + "two.mat")
    bad = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
    answer, failed = cloud.invoke("start", sqs_event({"Records": [good, bad]}, {"Records": [other]}))
    assert (answer, failed) == ({"batchItemFailures": [{"itemIdentifier": "m1"}]}, False)
    # The bad one takes nobody along: neither its neighbour in the message nor the next message.
    assert len(cloud.wait_for_executions(prefix, 2)) == 2


def test_the_message_that_s3_sends_to_a_new_notification(cloud):
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": cloud.raw_bucket}
    assert cloud.invoke("start", sqs_event(event)) == ({"batchItemFailures": []}, False)


def test_an_event_by_way_of_eventbridge(cloud, recording):
    key = unique("bridged") + "a b+c.mat"
    cloud.put(key, recording)
    head = cloud.client("s3").head_object(Bucket=cloud.raw_bucket, Key=key)
    event = {
        "version": "0", "detail-type": "Object Created", "source": "aws.s3", "region": "us-east-1",
        "time": head["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "detail": {"version": "0", "bucket": {"name": cloud.raw_bucket},
                   "object": {"key": key, "size": head["ContentLength"], "etag": head["ETag"].strip('"'),
                              "version-id": head["VersionId"], "sequencer": "0055AED6DCD90281E5"}},
    }
    assert cloud.invoke("start", sqs_event(event)) == ({"batchItemFailures": []}, False)
    cloud.succeeded(key)
    # It is the same recording that S3's own notification told of.
    assert len(cloud.executions(key)) == 1


def test_a_poisoned_message_ends_in_the_dead_letter_queue(cloud, recording):
    sqs = cloud.client("sqs")
    queue, dead = cloud.outputs["QueueUrl"], cloud.outputs["DeadLetterQueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    policy = json.loads(attributes["RedrivePolicy"])
    # As often as SQS allows, since what start is throttled by counts as well. A failed message stays away for minutes; here it
    # comes twenty times, and the minutes are seconds.
    assert int(policy["maxReceiveCount"]) == 1_000
    receives = 20
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={
        "VisibilityTimeout": "1", "RedrivePolicy": json.dumps(policy | {"maxReceiveCount": receives})})
    try:
        poison = json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "poison": unique("p")}]})
        key = unique("beside-poison") + "good.mat"
        sent = sqs.send_message(QueueUrl=queue, MessageBody=poison)["MessageId"]
        cloud.put(key, recording)
        wait_until("the message is in the dead letter queue", 60, lambda: cloud.messages(dead)[0] == 1,
                   lambda: cloud.explain(key))
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={name: attributes[name] for name in ("VisibilityTimeout", "RedrivePolicy")})
    [message] = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10)["Messages"]
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    assert (message["MessageId"], message["Body"]) == (sent, poison)
    faults = [line for line in cloud.logs("start") if sent in line and "not understood" in line]
    assert len(faults) == receives
    assert cloud.messages(queue) == (0, 0)
    cloud.succeeded(key)
