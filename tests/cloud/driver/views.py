"""Athena's views, which ministack 1.5.33 does not keep, and how CloudFormation calls a function. Part of `corrected.py`.

Views as documented and as Trino does it: `CREATE OR REPLACE VIEW` resolves its query against the catalog and keeps a table of the
kind VIRTUAL_VIEW there, with the text and the list of its columns. A query through the view is refused as stale where the text has
another list of columns meanwhile, as `SELECT *` has after a column was added. And a table has the columns that the catalog says:
those that its objects do not have are null.

What this does not show: what Athena grants and checks while it makes a view (here it asks for no right but the one to start the statement).

A function that serves a custom resource is invoked asynchronously: where there is no free concurrency, Lambda tries again (for hours;
here as long as the resource waits). The emulator's CloudFormation invokes it once.
"""

import base64
import json
import re
import time

import duckdb
from ministack.services import athena, glue, lambda_svc

from . import trino

_CREATE = re.compile(r'\s*CREATE\s+OR\s+REPLACE\s+VIEW\s+"?(\w+)"?\s+AS\s(.*)', re.IGNORECASE | re.DOTALL)
_VIEW = re.compile(r"/\* Presto View: (\S+) \*/")
_DUCKDB = {"string": "VARCHAR", "int": "INTEGER", "bigint": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "timestamp": "TIMESTAMP"}


def install():
    """Views, columns and waiting."""
    run = athena._run_duckdb

    async def run_with_views(query, database, catalog=None):
        if match := _CREATE.fullmatch(query):
            _keep(database, match[1], match[2])
            return {"columns": [], "rows": [], "column_types": []}
        return await run(_expanded(query, database), database, catalog)

    athena._run_duckdb = run_with_views
    athena._duckdb_type = _duckdb_type
    athena._table_relation = _with_every_column(athena._table_relation)
    lambda_svc._execute_function_with_config_scope = _until_there_is_capacity(lambda_svc._execute_function_with_config_scope)


def _schema(database: str) -> trino.Schema:
    """Tables and views of the database with their columns."""
    found: trino.Schema = {}
    for key, table in glue._tables.items():
        if key.startswith(f"{database}/"):
            columns = [*table["StorageDescriptor"].get("Columns", []), *(table.get("PartitionKeys") or [])]
            found[table["Name"]] = {column["Name"]: trino.type_of(column["Type"]) for column in columns}
    return found


def _keep(database: str, name: str, query: str):
    known = glue._tables.get(f"{database}/{name}")
    if known and known["TableType"] != "VIRTUAL_VIEW":
        raise ValueError(f"ALREADY_EXISTS: line 1:1: Table 'awsdatacatalog.{database}.{name}' already exists and is no view")
    # A view knows itself no more than what comes later.
    columns = trino.resolved(query, {table: columns for table, columns in _schema(database).items() if table != name})
    text = base64.b64encode(json.dumps({"originalSql": query, "columns": list(columns.items())}).encode()).decode()
    table = {
        "Name": name, "TableType": "VIRTUAL_VIEW", "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "ViewOriginalText": f"/* Presto View: {text} */", "ViewExpandedText": "/* Presto View */",
        "StorageDescriptor": {"Columns": [{"Name": column, "Type": _hive(kind)} for column, kind in columns.items()], "Location": ""},
    }
    status, _, body = (glue._update_table if known else glue._create_table)({"DatabaseName": database, "TableInput": table})
    if status >= 300:
        raise ValueError(json.loads(body)["message"])


def _expanded(query: str, database: str) -> str:
    """The query with the text of each view in the place of its name."""
    for one in sorted(athena._table_references(query), key=lambda one: one.start, reverse=True):
        table = glue._tables.get(f"{one.database or database}/{one.table}")
        if table and table["TableType"] == "VIRTUAL_VIEW":
            text = _expanded(_text(database, one.table, table), database)
            alias = "" if one.aliased else f' AS "{one.table}"'
            query = f"{query[:one.start]}({text}){alias}{query[one.end:]}"
    return query


def _text(database: str, name: str, table: dict) -> str:
    view = json.loads(base64.b64decode(_VIEW.fullmatch(table["ViewOriginalText"])[1]))
    now = trino.resolved(view["originalSql"], {other: columns for other, columns in _schema(database).items() if other != name})
    if [list(column) for column in now.items()] != view["columns"]:
        raise ValueError(f"VIEW_IS_STALE: line 1:15: View 'awsdatacatalog.{database}.{name}' is stale or in invalid state; it must be re-created")
    return view["originalSql"]


def _hive(kind: str) -> str:
    """Trino's name of a type as Glue's."""
    names = {"varchar": "string", "real": "float", "integer": "int"}
    if match := re.fullmatch(r"array\((.+)\)", kind):
        return f"array<{_hive(match[1])}>"
    return names.get(kind, kind)


def _duckdb_type(column: dict) -> str:
    kind = column["Type"]
    if match := re.fullmatch(r"array<(.+)>", kind):
        return _duckdb_type({"Type": match[1]}) + "[]"
    return _DUCKDB.get(kind, "VARCHAR")


def _with_every_column(relation):
    """A relation over files, with nulls in the columns of the table that no file has, and without those that the table has not."""

    def with_every_column(table, files):
        found = relation(table, files)
        if not found.startswith("read_parquet("):
            return found
        declared = [*table["StorageDescriptor"]["Columns"], *(table.get("PartitionKeys") or [])]
        there = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM {found}").fetchall()]
        if there == [column["Name"] for column in declared]:
            return found
        columns = (f'"{column["Name"]}"' if column["Name"] in there else f'CAST(NULL AS {_duckdb_type(column)}) AS "{column["Name"]}"'
                   for column in declared)
        return f"(SELECT {', '.join(columns)} FROM {found})"

    return with_every_column


def _until_there_is_capacity(execute):
    """Events of CloudFormation wait while Lambda refuses."""

    def execute_or_wait(function, event):
        result = execute(function, event)
        while result.get("throttle") and "ResponseURL" in event:
            time.sleep(0.2)
            result = execute(function, event)
        return result

    return execute_or_wait
