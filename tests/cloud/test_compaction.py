"""Compaction on the deployed machine: the tables answer as before, whatever happens meanwhile. tests/tests/compaction.rs is the same on one
machine, and shared/lake/tests/interleavings.rs tries the orders of requests.

A thread counts all the time, and has to get what was there at that moment. Its queries take their locations, list and read with pauses in between
(driver/partitions.py).

What this does not show: Glue answers here at once and always the newest, S3 has one clock, and no request arrives late. Time is passed by
writing other times into a register. The rule's schedule is made a minute.
"""

import random
import threading
import time
from collections import Counter
from datetime import date, timedelta
from urllib.parse import unquote

import pytest
from conftest import with_uploads_as_on_other_days
from driver import compaction, rights
from driver.cloud import unique
from driver.compaction import compact, let_days_pass, locations, register, rerun, upload
from driver.processes import wait_until

KILLS = 30
_DAYS = iter(range(3, 300))


@pytest.fixture(scope="module")
def cloud(ecg):
    """A pipeline of its own, whose queries take long and whose uploads come as on other days."""
    with with_uploads_as_on_other_days(ecg, {"ECG_QUERY_PAUSE": "0.1"}) as deployed:
        yield deployed


@pytest.fixture
def day() -> str:
    """A closed day that no other test uses."""
    return (date.today() - timedelta(days=next(_DAYS))).isoformat()


@pytest.fixture(scope="module")
def body(fixtures) -> bytes:
    return (fixtures / "recordings/formats/level5.mat").read_bytes()


@pytest.fixture
def recordings(cloud, body, day):
    """Uploads so many more of that day, and waits until their executions have succeeded: they."""
    prefix = unique("compaction")
    made = []

    def more(count: int):
        keys = [upload(cloud, f"{prefix}{number}.mat", body, day) for number in range(len(made), len(made) + count)]
        made.extend(keys)
        return [cloud.succeeded(key) for key in keys]

    return more


class Reader:
    """Counts the rows of a day all the time, in a thread of its own."""

    def __init__(self, cloud, day: str):
        self._cloud, self._day = cloud, day
        self.least = self.most = 0
        self.answers, self.wrong = 0, []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._ends.set()
        self._thread.join(60)
        if kind is None:
            assert not self.wrong, self.wrong[:3]
            assert self.answers >= 3, "the reader did not come to read"

    def _read(self):
        while not self._ends.is_set():
            least = self.least
            try:
                found = count(self._cloud, self._day)
            except Exception as error:  # noqa: BLE001
                found, wrong = None, repr(error)
            else:
                wrong = self._judge(found, least, self.most)
            if wrong:
                self.wrong.append(f"{wrong}; {found}, the register {register(self._cloud, self._day)}, {locations(self._cloud, self._day)}")
            self.answers += 1

    @staticmethod
    def _judge(found: dict[str, int], least: int, most: int) -> str | None:
        for table in ("recordings", "segments", "beats"):
            if found[table] != ROWS[table] * found[f"{table}_of"]:
                return f"a row of {table} twice, or not all of a recording"
            if not least <= found[f"{table}_of"] <= most:
                return f"expected {least} to {most} recordings in {table}"
        return None if found["current"] == found["recordings"] or least < most else "the view has other rows"


# Rows of the recording in each table.
ROWS = {"recordings": 1}


def count(cloud, day: str) -> dict[str, int]:
    """Rows and recordings of each table on that day."""
    # One scan of each table: two may see different moments.
    parts = [f"(select count(*) as {table}, count(distinct recording_id) as {table}_of from {table} where dt = '{day}') as {table}_counted"
             for table in ("recordings", "segments", "beats")]
    parts.append(f"(select count(*) as current from current where dt = '{day}') as current_counted")
    return {name: int(text) for name, text in cloud.query("select * from " + " cross join ".join(parts))[0].items()}


@pytest.fixture(scope="module", autouse=True)
def rows_of_a_recording(cloud, body):
    """What one recording makes."""
    first = (date.today() - timedelta(days=2)).isoformat()
    cloud.succeeded(upload(cloud, unique("one") + "one.mat", body, first))
    found = count(cloud, first)
    assert found["recordings_of"] == 1 and found["segments"] > 0
    ROWS.update(segments=found["segments"], beats=found["beats"])


def answers(cloud, day: str) -> list:
    """Every row of the day, through tables and views."""
    return [cloud.query(f"select * from {name} where dt = '{day}' order by {order}") for name, order in (
        ("recordings", "recording_id"), ("segments", "recording_id, lead, segment"), ("beats", "recording_id, lead, sample"),
        ("rejections", "execution"), ("current", "recording_id"), ("unresolved", "execution"))]


def everywhere(place: str, tables=("segments", "beats", "recordings")) -> dict[str, str]:
    return dict.fromkeys(tables, place)


def small(cloud, day: str) -> Counter:
    """Small objects of each table."""
    return Counter(key.split("/")[0] for table in ("segments", "beats", "recordings") for key in cloud.objects(f"{table}/dt={day}/"))


def quiet(cloud):
    """No function of compaction is at work any more; StopExecution does not end one."""
    compaction.kill(cloud)
    keys = {key for key, (function, _) in rights.callers(cloud).items() if function == "compact"}

    def silent():
        seen = sum(call.access_key_id in keys for call in cloud.proxy.calls())
        time.sleep(0.7)
        return seen == sum(call.access_key_id in keys for call in cloud.proxy.calls())

    wait_until("compaction does nothing any more", 60, silent)


def test_the_tables_answer_as_before_and_a_late_recording_counts_at_once(cloud, day, recordings, fixtures):
    first = recordings(4)
    rejected = upload(cloud, unique("rejected") + "text.mat", (fixtures / "malformed/text.mat").read_bytes(), day)
    assert cloud.wait_for(rejected).status == "FAILED"
    before = answers(cloud, day)
    assert [len(rows) > 0 for rows in before] == [True] * 6
    with Reader(cloud, day) as reader:
        reader.least = reader.most = 4
        [done] = compact(cloud, day=day)
        assert (done["generation"], done["moved"], done["objects"]) == (1, True, 13), done
        all_tables = ("segments", "beats", "recordings", "rejections")
        assert locations(cloud, day) == everywhere("000001", all_tables)
        assert answers(cloud, day) == before
        # Nothing more to do.
        [done] = compact(cloud, day=day)
        assert done["generation"] == 0
        assert locations(cloud, day) == everywhere("000001", all_tables)

        reader.most = 5
        recordings(1)
        reader.least = 5
        assert locations(cloud, day) == everywhere("small", all_tables)
        assert count(cloud, day)["recordings"] == 5
        compact(cloud, day=day)
        assert locations(cloud, day) == everywhere("000002", all_tables)

        arn = rerun(cloud, first[0], 1)
        assert compaction.ended(cloud, arn)["status"] == "SUCCEEDED"
        assert locations(cloud, day) == everywhere("small", all_tables)
        assert cloud.query(f"select run from recordings where recording_id = '{first[0].recording_id}'") == [{"run": "1"}]
        compact(cloud, day=day)
        assert locations(cloud, day) == everywhere("000003", all_tables)
        assert cloud.query(f"select run from recordings where recording_id = '{first[0].recording_id}'") == [{"run": "1"}]
    # The generations that were left are removed a day later.
    assert {key.split("/")[3] for key in cloud.objects(f"compact/segments/dt={day}/")} == {"000001", "000002", "000003"}
    let_days_pass(cloud, day, 2)
    compact(cloud, day=day)
    assert {key.split("/")[3] for key in cloud.objects(f"compact/segments/dt={day}/")} == {"000003"}
    assert cloud.client("s3").list_objects_v2(Bucket=cloud.outputs["WorkBucketName"], Prefix="compact/")["KeyCount"] == 0


def test_the_rule_starts_the_machine_for_every_closed_day(cloud, day, recordings):
    recordings(2)
    events, name = cloud.client("events"), "ecg-pipeline-compact"
    rule = events.describe_rule(Name=name)
    assert rule["ScheduleExpression"] == "rate(1 hour)"
    states = cloud.client("stepfunctions")

    def executions():
        found = states.list_executions(stateMachineArn=compaction.machine(cloud))["executions"]
        return [one for one in map(lambda one: states.describe_execution(executionArn=one["executionArn"]), found)
                if one["input"] == '{"after_hours":6}' and one["status"] != "RUNNING"]

    events.put_rule(Name=name, ScheduleExpression="rate(1 minute)", Description=rule["Description"])
    try:
        found = wait_until("the rule has started it", 150, executions, pause=1)
    finally:
        events.put_rule(Name=name, ScheduleExpression="rate(1 hour)", Description=rule["Description"])
    assert {one["status"] for one in found} == {"SUCCEEDED"}
    assert locations(cloud, day) == everywhere("000001")


def test_a_change_while_it_merges_cancels_it(cloud, day, recordings):
    recordings(3)
    with Reader(cloud, day) as reader:
        reader.least, reader.most = 3, 4
        # Its merges fail until the new recording is there.
        late = threading.Event()
        keys = {key for key, (function, _) in rights.callers(cloud).items() if function == "compact"}
        with cloud.proxy.failing(lambda call: call.access_key_id in keys and not late.is_set() and f"/segments/dt={day}/" in unquote(call.path)):
            arn = compaction.start(cloud, day=day)
            wait_until("it has begun", 30, lambda: register(cloud, day), pause=0.02)
            assert register(cloud, day)["phase"] == "announced"
            recordings(1)
            assert register(cloud, day)["phase"] == "open"
            late.set()
        found = compaction.ended(cloud, arn)
        assert found["status"] == "SUCCEEDED" and found["days"][0].get("moved") is False, compaction.explain(cloud, arn)
        assert locations(cloud, day) == everywhere("small")
        reader.least = 4
        assert count(cloud, day)["recordings"] == 4
        compact(cloud, day=day)
        assert locations(cloud, day) == everywhere("000002")


def test_another_compaction_is_left_alone(cloud, day, recordings):
    recordings(2)
    compact(cloud, day=day)
    now = int(time.time() * 1000)
    compaction.write_register(cloud, day, lambda found: found.update(phase="announced", by="another", generation=2, since_ms=now) or found.pop("current"))
    [done] = compact(cloud, day=day)
    assert (done["generation"], done["busy"]) == (0, "another"), done
    assert register(cloud, day)["by"] == "another"


def test_what_cannot_be_merged_is_told_and_given_up(cloud, day, recordings):
    recordings(2)
    s3, place = cloud.client("s3"), {"Bucket": cloud.outputs["ProcessedBucketName"], "Key": f"beats/dt={day}/zzz.parquet"}
    s3.put_object(**place, Body=b"no Parquet")
    found = compaction.ended(cloud, arn := compaction.start(cloud, day=day))
    assert (found["status"], found["error"]) == ("FAILED", "Compaction"), compaction.explain(cloud, arn)
    assert found["cause"].startswith(f"{day}: Internal: ") and "beats, zzz" in found["cause"], found["cause"]
    assert register(cloud, day)["phase"] == "open"
    assert locations(cloud, day) == everywhere("small")
    s3.delete_object(**place)
    compact(cloud, day=day)
    assert locations(cloud, day) == everywhere("000002")
    assert count(cloud, day)["recordings"] == 2


def test_of_a_sealed_day_large_objects_are_left_and_what_comes_late_waits(cloud, day, recordings, body):
    first = recordings(3)
    before = answers(cloud, day)
    with Reader(cloud, day) as reader:
        reader.least = reader.most = 3
        compacted_with_all_before(cloud, day)
        let_days_pass(cloud, day, 31)
        compact(cloud, day=day)
        assert register(cloud, day)["phase"] == "sealed", register(cloud, day)
        assert small(cloud, day) == {"segments": 3, "beats": 3, "recordings": 3}, "queries may still read them"
        let_days_pass(cloud, day, 2)
        compact(cloud, day=day)
        assert small(cloud, day) == {}
        assert register(cloud, day)["collected"] is True
        assert answers(cloud, day) == before

        # One comes late: its row is there, cannot be seen yet, and its execution waits.
        reader.most = 4
        key = upload(cloud, unique("late") + "late.mat", body, day)
        wait_until("it waits", 60, lambda: waiting(cloud) == 1, lambda: cloud.explain(key))
        wait_until("compaction is told", 60, lambda: register(cloud, day).get("late"), lambda: cloud.explain(key))
        assert count(cloud, day)["recordings"] == 3
        time.sleep(1)
        [late] = cloud.executions(key)
        assert late.status == "RUNNING"
        history = cloud.client("stepfunctions").get_execution_history(executionArn=late.arn, maxResults=1000)["events"]
        assert {event["taskFailedEventDetails"]["error"] for event in history if event["type"] == "TaskFailed"} == {"Throttled"}
        compacted_with_all_before(cloud, day)
        assert count(cloud, day)["recordings"] == 4
        reader.least = 4
        cloud.succeeded(key)

        # A rerun takes the place of its rows in the same way.
        arn = rerun(cloud, first[0], 1)
        wait_until("it waits", 60, lambda: waiting(cloud) == 2)
        compacted_with_all_before(cloud, day)
        assert compaction.ended(cloud, arn)["status"] == "SUCCEEDED"
        assert cloud.query(f"select run from recordings where recording_id = '{first[0].recording_id}'") == [{"run": "1"}]
        assert locations(cloud, day) == everywhere("000003")
        assert count(cloud, day)["recordings"] == 4
        assert small(cloud, day)["recordings"] == 2
        let_days_pass(cloud, day, 2)
        compacted_with_all_before(cloud, day)
    let_days_pass(cloud, day, 2)
    compact(cloud, day=day)
    # Those of the rerun are left where its last attempt came more than a minute after the listing, and has published them again.
    assert all(objects <= 1 for objects in small(cloud, day).values()), small(cloud, day)
    assert count(cloud, day)["recordings"] == 4
    assert cloud.query(f"select run from recordings where recording_id = '{first[0].recording_id}'") == [{"run": "1"}]


def test_what_comes_late_while_a_sealed_day_moves_holds_nothing_up(cloud, day, recordings):
    """Crawl changes the register between the two writes of a move, which then has to go on with what it finds."""
    recordings(2)
    compacted_with_all_before(cloud, day)
    for days in (31, 2):
        let_days_pass(cloud, day, days)
        compact(cloud, day=day)
    # As a late recording leaves it.
    compaction.write_register(cloud, day, lambda found: found.update(late=True))
    told = []

    def late(call):
        if call.target == "AWSGlue.BatchUpdatePartition" and not told:
            told.append(call)
            compaction.write_register(cloud, day, lambda found: found.update(late=True))
        return False

    with cloud.proxy.failing(late):
        arn = compaction.start(cloud, day=day)
        found = compaction.ended(cloud, arn, 30)
    assert found["status"] == "SUCCEEDED" and found["days"][0]["moved"], compaction.explain(cloud, arn)
    assert len(told) == 1 and register(cloud, day)["late"]
    assert locations(cloud, day) == everywhere("000002")


def waiting(cloud) -> int:
    """Executions that published something into a sealed day."""
    return cloud.client("s3").list_objects_v2(Bucket=cloud.outputs["WorkBucketName"], Prefix="late/")["KeyCount"]


def compacted_with_all_before(cloud, day):
    """Compacts so that all that is there counts as listed at once, and not a minute later."""
    # S3 tells whole seconds.
    time.sleep(1.1)
    compact(cloud, day=day)
    compaction.let_listed_count(cloud, day)


@pytest.mark.parametrize("sealed", [False, True], ids=["open", "sealed"])
def test_kills_and_a_reader_that_never_counts_wrong(cloud, day, recordings, body, report, sealed):
    chance = random.Random(13)
    states = cloud.client("stepfunctions")
    first = recordings(3)
    prefix, late, runs = unique("kills"), [], Counter()
    stopped = killed = 0
    reruns = {}
    if sealed:
        compacted_with_all_before(cloud, day)
        for days in (31, 2):
            let_days_pass(cloud, day, days)
            compact(cloud, day=day)
        assert small(cloud, day) == {}
    with Reader(cloud, day) as reader:
        reader.least = reader.most = 3
        for number in range(KILLS):
            arn = compaction.start(cloud, day=day)
            if chance.random() < 0.4:
                reader.most += 1
                late.append(upload(cloud, f"{prefix}{number}.mat", body, day))
            elif chance.random() < 0.3:
                one = chance.choice(first)
                # One at a time, else the one that ends last has not the highest number.
                if one.name not in reruns or states.describe_execution(executionArn=reruns[one.name])["status"] != "RUNNING":
                    runs[one.recording_id] += 1
                    reruns[one.name] = rerun(cloud, one, runs[one.recording_id])
            time.sleep(chance.uniform(0, 1))
            if chance.random() < 0.5:
                killed += compaction.kill(cloud)
                time.sleep(chance.uniform(0, 0.3))
            try:
                states.stop_execution(executionArn=arn)
                stopped += states.describe_execution(executionArn=arn)["status"] == "ABORTED"
            except states.exceptions.ClientError:
                pass
            reader.least = 3 + sum(one.status == "SUCCEEDED" for one in cloud.executions(prefix))
            if (found := register(cloud, day)) and found["phase"] in ("announced", "moving") and chance.random() < 0.7:
                # Another may go on when nothing of this one can arrive any more.
                quiet(cloud)
                let_days_pass(cloud, day)
        quiet(cloud)
        let_days_pass(cloud, day)
        # What had just been published when this one listed waits for another.
        wait_until("all is published", 60, lambda: len(cloud.objects(f"recordings/dt={day}/")) >= len(late))
        for _ in range(2):
            compacted_with_all_before(cloud, day)
        for key in late:
            cloud.succeeded(key)
        for arn in reruns.values():
            assert compaction.ended(cloud, arn)["status"] == "SUCCEEDED"
        reader.least = reader.most
        wait_until("the reader has counted all", 30, lambda reads=reader.answers: reader.answers > reads + 1)
    report(f"compaction, {'sealed' if sealed else 'open'}: {stopped} of {KILLS} executions were stopped at work, {killed} functions killed, {reader.answers} answers, {reader.most} recordings, "
           f"generation {register(cloud, day)['generation']}")
    assert stopped >= KILLS // 2
    for recording, number in runs.items():
        assert cloud.query(f"select run from recordings where recording_id = '{recording}'") == [{"run": str(number)}]


@pytest.mark.parametrize("number", [8, 40])
def test_requests(cloud, day, recordings, report, number):
    recordings(number)

    def asked(action) -> Counter:
        functions, before = rights.callers(cloud), len(cloud.proxy.calls())
        action()
        return Counter(
            (call.service, call.target.split(".")[-1] or f"{call.method}{' list' if 'list-type' in call.query else ''}")
            for call in cloud.proxy.calls()[before:] if functions[call.access_key_id][0] == "compact")

    counted = asked(lambda: compact(cloud, day=day))
    report(f"compaction of {number} recordings: " + ", ".join(f"{service} {what} {times}" for (service, what), times in sorted(counted.items())))
    # Of each object of three tables one GET; the rest does not grow with them.
    assert 3 * number <= counted[("s3", "GET")] <= 3 * number + 30
    assert counted[("s3", "PUT")] <= 12
    assert counted[("glue", "BatchUpdatePartition")] == 3
