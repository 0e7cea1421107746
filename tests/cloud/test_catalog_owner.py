"""Who owns the catalog: the function `catalog` makes tables and views at each deployment, and adopts what is there.

What this does not show: Athena itself (driver/views.py keeps views with the list of their columns and refuses stale ones, as Trino does),
what Athena is granted while it makes a view, and in which order CloudFormation takes an update back: the code of `catalog` before the resource that
it serves, or after it. After it, the views are those of the release that is taken back, over tables that have its columns.
"""

import threading
import time

import pytest
from driver import trino
from driver.cloud import STACK, unique
from driver.ministack import ACCOUNT, REGION
from driver.next_release import REPOSITORY, program
from driver.release import with_canary_minutes, with_other_code

VIEWS = ("samples", "current", "unresolved")
COLUMN = "of_the_next_release"


def tables(cloud) -> dict[str, dict]:
    """Tables and views by name."""
    pages = cloud.client("glue").get_paginator("get_tables").paginate(DatabaseName=cloud.outputs["DatabaseName"])
    return {table["Name"]: table for page in pages for table in page["TableList"]}


def columns(table: dict) -> list[str]:
    return [column["Name"] for column in table["StorageDescriptor"]["Columns"]]


def update(cloud, table: dict, **changes):
    """As somebody who changes a table by hand."""
    kept = {name: table[name] for name in ("Name", "Description", "PartitionKeys", "TableType", "Parameters", "StorageDescriptor") if name in table}
    cloud.client("glue").update_table(DatabaseName=cloud.outputs["DatabaseName"], TableInput=kept | changes)


def called(cloud, before: int) -> list[str]:
    """The operations of Glue and Athena that catalog asked for since."""
    return [call.target.split(".")[1] for call in cloud.proxy.calls()[before:]]


def upload(cloud, fixtures, name: str) -> str:
    key = unique(name) + "1 NSR/900m (0).mat"
    cloud.put(key, (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes())
    cloud.succeeded(key)
    return key


def test_a_deployment_leaves_tables_and_views_before_the_first_recording(another_cloud):
    cloud = another_cloud()
    assert cloud.executions() == []
    found = tables(cloud)
    golden = trino.tables(REPOSITORY / "shared/tables/tests/golden")
    assert set(found) == set(golden) | set(VIEWS)
    for name, expected in golden.items():
        assert columns(found[name]) + ["dt"] == list(expected)
        assert all(column["Comment"] for column in found[name]["StorageDescriptor"]["Columns"]), name
    assert columns(found["current"]) == columns(found["recordings"]) + ["dt"]
    assert columns(found["unresolved"]) == columns(found["rejections"]) + ["dt"]
    for name in [*golden, *VIEWS]:
        assert cloud.query(f"select * from {name}") == []


def test_a_second_run_changes_nothing(cloud):
    before, calls = tables(cloud), len(cloud.proxy.calls())
    answer, failed = cloud.invoke("catalog", {})
    assert (failed, answer["views"]) == (False, list(VIEWS))
    operations = called(cloud, calls)
    assert [one for one in operations if one != "GetQueryExecution"] == ["GetTables", *3 * ["StartQueryExecution"]]
    after = tables(cloud)
    changing = ("UpdateTime", "VersionId")
    for name, table in after.items():
        left_out = changing if name in VIEWS else ()
        assert {key: value for key, value in table.items() if key not in left_out} \
            == {key: value for key, value in before[name].items() if key not in left_out}, name


def test_what_is_there_is_adopted_and_what_is_not_is_made_again(another_cloud, fixtures):
    cloud = another_cloud()
    key = upload(cloud, fixtures, "adopted")
    mine = tables(cloud)
    glue, database = cloud.client("glue"), cloud.outputs["DatabaseName"]
    # Somebody's column and comments, a table from before two columns were added, no table, no view.
    recordings = mine["recordings"]["StorageDescriptor"]
    extra = {"Name": "of_somebody", "Type": "string", "Comment": "Kept"}
    update(cloud, mine["recordings"], Description="of somebody", StorageDescriptor=recordings | {
        "Columns": [{**recordings["Columns"][0], "Comment": "of somebody"}, *recordings["Columns"][1:-2], extra]})
    glue.delete_table(DatabaseName=database, Name="windows")
    glue.delete_table(DatabaseName=database, Name="current")

    answer, failed = cloud.invoke("catalog", {})
    assert not failed, answer
    found = tables(cloud)
    assert found["recordings"]["Description"] == mine["recordings"]["Description"]
    adopted = found["recordings"]["StorageDescriptor"]["Columns"]
    assert adopted == [*recordings["Columns"][:-2], extra, *recordings["Columns"][-2:]]
    assert found["windows"]["StorageDescriptor"] == mine["windows"]["StorageDescriptor"]
    # The view names the columns of this release, whatever else the table has.
    assert found["current"]["StorageDescriptor"] == mine["current"]["StorageDescriptor"]
    assert cloud.query("select source_key, of_somebody from recordings") == [{"source_key": key, "of_somebody": None}]
    assert cloud.query("select source_key from current") == [{"source_key": key}]

    # Without a catalog a recording fails and says what to do; after that it goes through.
    glue.delete_database(Name=database)
    lost = unique("lost") + "1 NSR/900m (0).mat"
    cloud.put(lost, (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes())
    failed_execution = cloud.wait_for(lost)
    assert failed_execution.status == "FAILED"
    assert "which the function `catalog` makes" in failed_execution.cause
    answer, failed = cloud.invoke("catalog", {})
    assert not failed, answer
    assert set(tables(cloud)) == set(mine)
    upload(cloud, fixtures, "found")


def test_a_table_that_additions_cannot_make_ours_is_named(another_cloud):
    cloud = another_cloud()
    beats = tables(cloud)["beats"]
    storage = beats["StorageDescriptor"]
    update(cloud, beats, StorageDescriptor=storage | {"Columns": [storage["Columns"][0] | {"Type": "int"}, *storage["Columns"][1:]]})
    answer, failed = cloud.invoke("catalog", {})
    assert failed and answer["errorType"] == "Internal"
    assert "ecg.beats" in answer["errorMessage"] and "`recording_id`" in answer["errorMessage"]
    # A table in the place of a view: the view is named, and Athena's words.
    update(cloud, beats)
    glue, database = cloud.client("glue"), cloud.outputs["DatabaseName"]
    glue.delete_table(DatabaseName=database, Name="current")
    glue.create_table(DatabaseName=database, TableInput={"Name": "current", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage})
    answer, failed = cloud.invoke("catalog", {})
    assert failed and answer["errorType"] == "Internal"
    assert answer["errorMessage"].startswith("making the view `current`: Athena: FAILED: ALREADY_EXISTS")


class Asking:
    """Asks the same again and again, until it is over. `wrong` is what was not answered."""

    def __init__(self, cloud, queries):
        self.wrong, self.asked = {}, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(cloud, queries))

    def _ask(self, cloud, queries):
        while not self._over.is_set():
            for sql in queries:
                try:
                    cloud.query(sql)
                except RuntimeError as error:
                    self.wrong[sql] = str(error)
            self.asked += 1
            time.sleep(0.05)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def test_views_and_queries_hold_while_a_release_adds_a_column_and_while_one_is_taken_back(another_cloud, fixtures, tmp_path, report):
    cloud = another_cloud()
    first = with_canary_minutes(cloud.stack, 1)
    key = upload(cloud, fixtures, "column")
    sql = [f"select source_key, recipe_version from {name}" for name in ("recordings", "current")] \
        + ["select source_key from unresolved", "select count(*) as n from samples"]
    mine = tables(cloud)
    # What the views of the release before were: a view of `*` breaks with the next column, so the asking below would notice.
    cloud.query("create or replace view starred as select recordings.* from recordings")
    assert cloud.query("select source_key from starred") == [{"source_key": key}]

    second = with_other_code(first, tmp_path, "second", {"catalog": program(COLUMN)})
    with Asking(cloud, sql) as asking:
        cloud.deploy(second)
    assert asking.wrong == {} and asking.asked > 3
    found = tables(cloud)
    assert columns(found["recordings"]) == [*columns(mine["recordings"]), COLUMN]
    assert columns(found["current"]) == [*columns(mine["recordings"]), "dt", COLUMN]
    assert cloud.query(f"select {COLUMN} from current") == [{COLUMN: None}]
    with pytest.raises(RuntimeError, match="VIEW_IS_STALE"):
        cloud.query("select source_key from starred")
    # The functions that write rows are those of a release without the column: the partition of today lacks it, and so does the row.
    upload(cloud, fixtures, "column-later")
    asked = asking.asked

    # The next one adds a column and does not work: the deployment fails, and the release before makes its views again.
    third = with_other_code(second, tmp_path, "third", {"catalog": program("of_no_release", fails=True)})
    with Asking(cloud, sql) as asking, pytest.raises(RuntimeError, match="ROLLBACK_COMPLETE"):
        cloud.deploy(third)
    assert asking.wrong == {} and asking.asked > 3
    assert columns(tables(cloud)["recordings"]) == [*columns(mine["recordings"]), COLUMN, "of_no_release"]
    assert columns(tables(cloud)["current"]) == columns(found["current"])
    upload(cloud, fixtures, "column-rolled-back")

    # Taken back for good: the first release again, over tables that have more columns than it knows.
    with Asking(cloud, sql) as asking:
        cloud.deploy(with_other_code(first, tmp_path, "fourth"))
    assert asking.wrong == {}
    assert columns(tables(cloud)["current"]) == columns(mine["current"])
    assert columns(tables(cloud)["recordings"]) == [*columns(mine["recordings"]), COLUMN, "of_no_release"]
    later = upload(cloud, fixtures, "column-taken-back")
    assert len(cloud.query("select source_key from current")) == 4
    assert cloud.query(f"select source_key from current where source_key = '{later}'") == [{"source_key": later}]
    report(f"views: {asked + asking.asked} rounds of {len(sql)} queries while columns came, none was refused")


def test_a_deployment_that_fails_later_calls_the_version_before_again(another_cloud, tmp_path):
    cloud = another_cloud()
    mine = tables(cloud)
    next_one = with_other_code(cloud.stack, tmp_path, "second", {"catalog": program(COLUMN)})
    # A resource after it that cannot be made.
    resources = next_one.template["Resources"]
    [made] = [name for name, body in resources.items() if body["Type"] == "Custom::Catalog"]
    resources["Impossible"] = {"Type": "Custom::Impossible", "DependsOn": [made], "Properties": {
        "ServiceToken": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:nobody"}}
    with pytest.raises(RuntimeError, match="ROLLBACK_COMPLETE"):
        cloud.deploy(next_one)
    found = tables(cloud)
    assert columns(found["recordings"]) == [*columns(mine["recordings"]), COLUMN]
    # The next release had made it with the column.
    assert columns(found["current"]) == columns(mine["current"])
    assert cloud.query("select * from current") == []


def test_with_the_stack_gone_database_tables_and_views_stay(another_cloud, fixtures):
    cloud = another_cloud()
    key = upload(cloud, fixtures, "kept")
    before = tables(cloud)
    bucket = cloud.outputs["ProcessedBucketName"]
    calls = len(cloud.proxy.calls())
    cloud.client("cloudformation").delete_stack(StackName=STACK)
    deadline = time.monotonic() + 60
    while cloud.client("lambda").list_functions()["Functions"] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert cloud.client("lambda").list_functions()["Functions"] == []
    assert called(cloud, calls) == []
    assert tables(cloud) == before
    objects = cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="recordings/")["Contents"]
    assert len(objects) == 1 and key
