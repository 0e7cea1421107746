"""Where Athena finds a table's objects, which ministack 1.5.33 takes from the table alone. Part of `corrected.py`.

A table with partition keys has the objects below the locations of its partitions, and no others. A query finds the locations when it
is planned, then lists, then reads: with `ECG_QUERY_PAUSE`, in seconds, up to that long passes in between each time. An object that
was removed since it was listed fails the query, as on AWS.
"""

import asyncio
import os
import random
import tempfile
from urllib.parse import urlsplit

from ministack.services import athena, glue, s3

from .workflows import patched

PAUSE_S = float(os.environ.get("ECG_QUERY_PAUSE", "0"))


def install():
    """From now on."""
    vars(athena)["_aws_files"] = files
    patched(athena._rewrite_data_paths, (
        "_materialize_table_files(s3_location, workdirs)", "await _aws_files(table_data, s3_location, workdirs)"), module=athena)


async def files(table: dict, location: str, workdirs: list[str]) -> list[str]:
    """Copies of a table's objects, each below a folder `<key>=<value>` for its partition."""
    if not table.get("PartitionKeys"):
        return athena._materialize_table_files(location, workdirs)
    names = [key["Name"] for key in table["PartitionKeys"]]
    partitions = glue._partitions.get(f"{table['DatabaseName']}/{table['Name']}", [])
    planned = [("/".join(f"{name}={value}" for name, value in zip(names, one["Values"], strict=True)), one["StorageDescriptor"]["Location"])
               for one in partitions]
    await pause()
    listed = [(folder, urlsplit(found).netloc, key) for folder, found in planned for key in keys(found)]
    await pause()
    root = tempfile.mkdtemp(prefix="ministack-athena-")
    workdirs.append(root)
    copies = []
    for number, (folder, bucket, key) in enumerate(listed):
        body = s3._get_object_data(bucket, key)
        if body is None:
            raise ValueError(f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split s3://{bucket}/{key}: The specified key does not exist")
        copies.append(os.path.join(root, folder, f"{number}.parquet"))
        os.makedirs(os.path.dirname(copies[-1]), exist_ok=True)
        with open(copies[-1], "wb") as copy:
            copy.write(body)
    return copies


def keys(location: str) -> list[str]:
    """What a location has, without what Trino passes over."""
    place = urlsplit(location)
    prefix = place.path.strip("/") + "/"
    bucket = s3._buckets.get(place.netloc)
    found = sorted(bucket["objects"]) if bucket else []
    return [key for key in found if key.startswith(prefix) and not key.endswith("/") and not athena._hidden(key[len(prefix):])]


async def pause():
    """While a query is planned, or lists."""
    if PAUSE_S:
        await asyncio.sleep(random.uniform(0, PAUSE_S))
