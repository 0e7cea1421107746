"""Deployments while recordings are processed: no execution fails for one, and each runs in one release from its first step to its last.

What this does not show: CloudFormation of AWS itself (versions and aliases are made by driver/resources.py, as the template reference
says), metrics of executions setting off the alarm (the test sets it), and a role that changes between two releases.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from driver import rights
from driver.cloud import STACK, STEPS, unique
from driver.many import bodies, upload
from driver.processes import wait_until
from driver.release import with_canary_minutes, with_other_code
from driver.tables import from_cloud

INFRA = Path(__file__).resolve().parents[2] / "infra"
# A function whose program ends at once.
BROKEN = b"#!/bin/sh\nexit 1\n"
UPLOADS = 300
WAIT_SCALE = 0.05


def describe(cloud, execution) -> dict:
    return cloud.client("stepfunctions").describe_execution(executionArn=execution.arn)


def routing(cloud) -> dict[str, int]:
    """Weights of the versions behind the alias."""
    alias = cloud.client("stepfunctions").describe_state_machine_alias(stateMachineAliasArn=cloud.outputs["StateMachineAliasArn"])
    return {to["stateMachineVersionArn"]: to["weight"] for to in alias["routingConfiguration"]}


def functions_of(cloud, version: str) -> dict[str, str]:
    """The version of each step's function that a version of the workflow names."""
    definition = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=version)["definition"]
    return dict(re.findall(rf'"arn:aws:lambda:[^"]*:function:{STACK}-(\w+):(\d+)"', definition))


def called_versions(cloud, executions) -> dict[str, dict[str, set[str]]]:
    """The versions whose calls name an execution's recording, by execution and step: every step reads or writes below its id."""
    ids = {one.recording_id for one in executions}
    callers = rights.callers(cloud)
    found: dict[str, dict[str, set[str]]] = {name: {} for name in ids}
    for call in cloud.proxy.calls():
        for name in ids & set(re.split(r"[/.]", call.path)):
            step, version = callers[call.access_key_id]
            found[name].setdefault(step, set()).add(version)
    return found


def test_deployments_in_the_middle_of_running_executions(another_cloud, fixtures, tmp_path, report):
    cloud = another_cloud()
    first = with_canary_minutes(cloud.stack, 2)
    second = with_other_code(first, tmp_path, "second")
    [version_1] = routing(cloud)
    assert set(functions_of(cloud, version_1)) == set(STEPS)

    # So few at once that most executions have begun and wait while the next release is deployed.
    prefix = unique("deployed")
    cloud.quotas.turn_on(concurrency=3, wait_scale=WAIT_SCALE)
    try:
        keys = list(upload(cloud, bodies(fixtures, prefix, UPLOADS)))
        wait_until("half of them have begun", 120, lambda: len(cloud.executions(prefix)) >= UPLOADS / 2, pause=1)
        cloud.deploy(second)
        [version_2] = routing(cloud)
        running = [one for one in cloud.executions(prefix) if one.status == "RUNNING"]
        cloud.deploy(first)
        [version_3] = routing(cloud)
        still_running = [one for one in cloud.executions(prefix) if one.status == "RUNNING"]
        keys += upload(cloud, bodies(fixtures, prefix + "later/", 5))
        executions = cloud.wait_for_executions(prefix, len(keys), seconds=400)
    finally:
        cloud.quotas.turn_off()
    assert len({version_1, version_2, version_3}) == 3
    assert {one.status for one in executions} == {"SUCCEEDED"}, cloud.explain(prefix)
    assert Counter(from_cloud(cloud, "recordings")["source_key"].to_pylist()) == Counter(keys)
    assert cloud.messages(cloud.outputs["DeadLetterQueueUrl"]) == (0, 0)
    later = [one for one in executions if "/later/" in one.input["source"]["key"]]

    # Forwards and back happened while they ran.
    began_in = {one.arn: describe(cloud, one)["stateMachineVersionArn"] for one in executions}
    assert version_1 in {began_in[one.arn] for one in running}
    assert {version_1, version_2} & {began_in[one.arn] for one in still_running}
    assert {began_in[one.arn] for one in later} == {version_3}
    assert set(began_in.values()) <= {version_1, version_2, version_3}
    # Each kept the functions of the version that it began with, though all that differ in nothing else were there.
    functions = {version: functions_of(cloud, version) for version in (version_1, version_2, version_3)}
    assert all(len({functions[version][step] for version in functions}) == 3 for step in functions[version_1])
    calls = called_versions(cloud, executions)
    for one in executions:
        expected = {step: {version} for step, version in functions[began_in[one.arn]].items() if step != "notify"}
        found = {step: versions for step, versions in calls[one.recording_id].items() if step != "start"}
        assert found == expected, one.name
    counts = Counter(began_in.values())
    report(f"deployments: {[counts[version] for version in (version_1, version_2, version_3)]} executions of three releases, "
           f"{len(running)} and {len(still_running)} of them ran on while the next was deployed")


def test_an_alarm_takes_a_deployment_back(another_cloud, fixtures, tmp_path):
    cloud = another_cloud()
    [before] = routing(cloud)
    second = with_canary_minutes(with_other_code(cloud.stack, tmp_path, "second"), 60)
    with ThreadPoolExecutor(1) as pool:
        deployment = pool.submit(cloud.deploy, second)
        shared = wait_until("the alias shares out", 60, lambda: len(routing(cloud)) == 2 and routing(cloud))
        assert shared[before] == 90
        cloud.client("cloudwatch").set_alarm_state(AlarmName=f"{STACK}-executions-failed", StateValue="ALARM", StateReason="test")
        with pytest.raises(RuntimeError, match="ROLLBACK_COMPLETE"):
            deployment.result()
    # The stack made a version anew of the code before, and executions take that or the one before.
    [after] = routing(cloud)
    code = {name: {cloud.client("lambda").get_function_configuration(FunctionName=f"{STACK}-{step}:{version}")["CodeSha256"]
                   for step, version in functions_of(cloud, name).items()} for name in (before, after)}
    assert code[before] == code[after]
    key = unique("taken-back") + "1 NSR/1m (1).mat"
    cloud.put(key, (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes())
    assert describe(cloud, cloud.succeeded(key))["stateMachineVersionArn"] == after


@pytest.fixture
def script(tmp_path):
    """Runs a script of infra/ on a cloud."""
    tools = tmp_path / "bin"
    tools.mkdir()
    # The module and not the script: that one may be missing from PATH.
    (tools / "aws").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m awscli "$@"\n')
    (tools / "aws").chmod(0o755)

    def run(cloud, name, *arguments, **variables):
        environment = cloud.environment | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"} | variables
        return subprocess.run([INFRA / name, STACK, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=400)

    return run


def test_a_smoke_test_that_fails_takes_the_deployment_back(another_cloud, fixtures, tmp_path, script):
    cloud = another_cloud()
    before_file = tmp_path / "before.json"
    [before] = routing(cloud)

    # All is well: a recording goes through, its row is found, and nothing of it stays.
    passed = script(cloud, "smoke-test.sh", before_file, SMOKE_TEST_SECONDS="120")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    nothing_stays(cloud)

    noted = script(cloud, "before-deployment.sh", before_file)
    assert noted.returncode == 0, noted.stdout + noted.stderr
    broken = with_canary_minutes(with_other_code(cloud.stack, tmp_path, "broken", {"parse": BROKEN}), 1)
    cloud.deploy(broken)
    assert before not in routing(cloud)

    failed = script(cloud, "smoke-test.sh", before_file, SMOKE_TEST_SECONDS="120")
    assert failed.returncode != 0, failed.stdout
    assert "parse" in failed.stderr or "Runtime" in failed.stderr or "FAILED" in failed.stderr, failed.stderr
    assert routing(cloud) == {before: 100}, failed.stderr
    nothing_stays(cloud)
    # Nobody is told of a recording that nobody sent.
    assert cloud.slack.deliveries("") == []

    key = unique("rolled-back") + "1 NSR/1m (1).mat"
    cloud.put(key, (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes())
    assert describe(cloud, cloud.succeeded(key))["stateMachineVersionArn"] == before


def nothing_stays(cloud):
    """No object and no row of the smoke test."""
    s3 = cloud.client("s3")
    versions = s3.list_object_versions(Bucket=cloud.raw_bucket, Prefix="smoke-test/")
    assert not versions.get("Versions") and not versions.get("DeleteMarkers")
    assert [key for key in cloud.objects("") if "smoke-test" in key] == []
