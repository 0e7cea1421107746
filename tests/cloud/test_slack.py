"""What Slack says back."""

import pytest
from driver.cloud import FUNCTIONS, unique
from driver.slack import RATE_LIMITED, REFUSED
from test_net import caught, entered

BOT = {"SLACK_BOT_TOKEN": "xoxb-test", "SLACK_CHANNEL": "C0TEST"}


@pytest.fixture
def bot(cloud):
    """Messages go through a bot while the test runs."""
    cloud.set_slack_secret(BOT | {"SLACK_API_URL": cloud.slack.api})
    yield
    cloud.set_slack_secret({"SLACK_WEBHOOK_URL": cloud.slack.webhook})


def failed(cloud, fixtures, key):
    cloud.put(key, (fixtures / "malformed/text.mat").read_bytes())
    execution = cloud.wait_for(key)
    # Whatever Slack says, the execution ends with the error it began with, and the row is there.
    assert (execution.status, execution.error) == ("FAILED", "Rejected"), cloud.explain(key)
    rows = cloud.query(f"select error from rejections where recording_id = '{execution.recording_id}'")
    assert rows == [{"error": "Rejected"}]
    return execution


def test_too_many_messages(cloud, fixtures):
    key = unique("slack-429") + "text.mat"
    cloud.slack.answer_next(key, RATE_LIMITED)
    execution = failed(cloud, fixtures, key)
    assert [delivery.status for delivery in cloud.slack.deliveries(execution.recording_id)] == [429, 200]


def test_a_bot(cloud, fixtures, bot):
    execution = failed(cloud, fixtures, unique("slack-bot") + "text.mat")
    [delivery] = cloud.slack.deliveries(execution.recording_id)
    assert (delivery.path, delivery.authorization, delivery.message["channel"]) \
        == ("/api/chat.postMessage", "Bearer xoxb-test", "C0TEST")


def test_a_refusal_that_looks_like_success(cloud, fixtures, bot):
    key = unique("slack-refused") + "text.mat"
    cloud.slack.answer_next(key, REFUSED)
    execution = failed(cloud, fixtures, key)
    # The workflow said it once: asking again at once would be refused again.
    history = cloud.client("stepfunctions").get_execution_history(executionArn=execution.arn, maxResults=1000)["events"]
    [notify] = [event["id"] for event in history if event.get("stateEnteredEventDetails", {}).get("name") == "Notify"]
    assert sum(event["type"] == "TaskScheduled" and event["id"] > notify for event in history) == 1
    # The net comes later, and then Slack takes it.
    assert entered(cloud, caught(cloud, execution)) == ["LookBack", "Notify"]
    assert len(cloud.slack.deliveries(execution.recording_id)) == 2
    logged = [line for line in cloud.logs("notify") if execution.recording_id in line]
    assert any("channel_not_found" in line for line in logged), logged


def test_the_secret_is_in_no_log(cloud, fixtures, bot):
    execution = failed(cloud, fixtures, unique("slack-secret") + "text.mat")
    history = cloud.client("stepfunctions").get_execution_history(executionArn=execution.arn, maxResults=1000)["events"]
    for function in FUNCTIONS:
        logged = cloud.logs(function)
        assert function in ("parse", "transform", "catalog", "compact", "forget") or any(execution.recording_id in line for line in logged), function
        for secret in (BOT["SLACK_BOT_TOKEN"], cloud.slack.webhook):
            assert not any(secret in line for line in logged), function
            assert secret not in str(history)
