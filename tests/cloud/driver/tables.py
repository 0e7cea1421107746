"""The tables, read by an independent reader (pyarrow): from where the catalog says they are, and from a local lake."""

import io
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

TABLES = ("recordings", "segments", "beats", "windows", "rejections")


def from_cloud(cloud, table: str) -> pa.Table:
    """Every row that the catalog knows of: its partitions, their locations, the objects there."""
    glue, s3 = cloud.client("glue"), cloud.client("s3")
    database = cloud.outputs["DatabaseName"]
    columns = glue.get_table(DatabaseName=database, Name=table)["Table"]["StorageDescriptor"]["Columns"]
    parts = []
    for page in glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table):
        for partition in page["Partitions"]:
            location = urlsplit(partition["StorageDescriptor"]["Location"])
            prefix = location.path.lstrip("/").rstrip("/") + "/"
            for listed in s3.get_paginator("list_objects_v2").paginate(Bucket=location.netloc, Prefix=prefix):
                for entry in listed.get("Contents", []):
                    body = s3.get_object(Bucket=location.netloc, Key=entry["Key"])["Body"].read()
                    parts.append(_with_day(pq.read_table(io.BytesIO(body)), partition["Values"][0]))
    found = pa.concat_tables(parts)
    declared = [column["Name"] for column in columns] + ["dt"]
    if found.column_names != declared:
        raise AssertionError(f"{table}: Glue declares {declared}, the objects hold {found.column_names}")
    return found


def from_lake(lake: Path, table: str) -> pa.Table:
    """Every row of a local lake."""
    return pa.concat_tables(
        _with_day(pq.ParquetFile(path).read(), path.parent.name.removeprefix("dt="))
        for path in sorted((lake / "processed" / table).glob("dt=*/*.parquet")))


def _with_day(table: pa.Table, day: str) -> pa.Table:
    return table.append_column("dt", pa.array([day] * len(table), pa.string()))
