"""The command line against the deployed pipeline: what ran, why it failed, and again."""

import json
import re
import shlex
import subprocess

import pytest
from driver.cloud import unique
from driver.processes import wait_until


@pytest.fixture
def run(cloud, ecg):
    """Runs `ecg` with these arguments on the cloud; its output."""

    def command(*arguments, status=0):
        done = subprocess.run([ecg, *arguments], env=cloud.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return command


def test_from_the_message_in_slack_to_the_recording(cloud, fixtures, run):
    # Two leads without a header and without a calibration of their own: the device forgot to send it.
    prefix = unique("forgotten")
    cloud.put(prefix + "two-leads.mat", (fixtures / "recordings/header/two-leads.mat").read_bytes())
    failed = cloud.wait_for(prefix + "two-leads.mat")
    assert (failed.status, failed.error) == ("FAILED", "Rejected")

    listed = json.loads(run("runs", "--aws", "--failed", "--json"))
    assert failed.name in json.dumps(listed)
    shown = run("show", failed.name, "--aws")
    for part in ("validate", "Rejected", "calibration", prefix + "two-leads.mat"):
        assert part.lower() in shown.lower(), f"{part} is not in\n{shown}"
    history = json.loads(run("show", failed.name, "--aws", "--history"))
    events = history["events"] if isinstance(history, dict) else history
    assert [event["type"] for event in events][:2] == ["ExecutionStarted", "TaskStateEntered"]
    assert events[-1]["type"] == "ExecutionFailed"

    # The header comes, and somebody types what the message says.
    cloud.put(prefix + "two-leads.hea", (fixtures / "recordings/header/two-leads.hea").read_bytes())
    [message] = cloud.slack.deliveries(failed.recording_id)
    typed = shlex.split(re.search(r"\*Run again:\* `(.+?)`", message.text)[1])
    assert typed[0] == "ecg", typed
    run(*typed[1:])

    def again():
        return [one for one in cloud.executions(prefix) if one.name != failed.name and one.status != "RUNNING"]

    [rerun] = wait_until("the rerun has ended", 60, again, lambda: cloud.explain(prefix))
    assert (rerun.status, rerun.recording_id) == ("SUCCEEDED", failed.recording_id), cloud.explain(prefix)
    rows = cloud.query(f"select source_key, leads from recordings where recording_id = '{failed.recording_id}'")
    assert rows == [{"source_key": prefix + "two-leads.mat", "leads": "2"}]


def test_a_backfill_from_the_command_line(cloud, fixtures, run):
    prefix = unique("backfill by hand")
    cloud.put(prefix + "good.mat", (fixtures / "recordings/formats/level5.mat").read_bytes())
    cloud.put(prefix + "bad.mat", (fixtures / "malformed/text.mat").read_bytes())
    cloud.wait_for_executions(prefix, 2)
    run("backfill", prefix, "--suffix", "v2", "--tolerated-failure-percentage", "60", "--aws", status=1)
    assert sorted((one.name.removeprefix(one.recording_id), one.status) for one in cloud.executions(prefix)) \
        == [("", "FAILED"), ("", "SUCCEEDED"), ("-v2", "FAILED"), ("-v2", "SUCCEEDED")]


def test_an_execution_that_is_not_there(run):
    run("show", "nobody-knows-this-one", "--aws", status=2)
