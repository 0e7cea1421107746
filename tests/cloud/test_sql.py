"""The SQL that is saved in Athena or stands in the documents, as Trino reads it. The emulator's DuckDB takes more than Athena does.

Read by an independent parser, and resolved against the definitions of the tables. What it does not judge: types, and whether
Athena's version of Trino has what this parser takes.
"""

import pytest
from conftest import REPOSITORY, assembled
from driver import trino

@pytest.fixture(scope="module")
def template():
    return assembled().template


@pytest.fixture(scope="module")
def tables():
    return trino.tables(REPOSITORY / "shared/tables/tests/golden")


@pytest.fixture(scope="module")
def schema(tables):
    """Tables, and each view that can be made from what is before it."""
    known = dict(tables)
    for name, query in trino.views(REPOSITORY).items():
        known[name] = trino.resolved(query, known)
    return known


def test_the_views_have_the_columns_that_the_documents_name(schema):
    assert set(schema) == {"recordings", "segments", "beats", "windows", "rejections", "samples", "current", "unresolved"}
    assert list(schema["samples"]) == [
        "recording_id", "lead", "lead_name", "segment", "label", "sample", "time_s", "mv", "missing", "ecg_data", "dt"]
    assert schema["current"] == schema["recordings"]
    assert schema["unresolved"] == schema["rejections"]


def test_every_query(template, schema):
    texts = trino.texts(REPOSITORY, template)
    # Nineteen questions, saved and in their document, and the views' texts.
    assert len(texts) >= 40, sorted(texts)
    assert any(place.startswith("infra/smoke-test.sh") for place in texts)
    wrong = {}
    for place, sql in texts.items():
        try:
            assert trino.resolved(sql, schema)
        except Exception as error:  # noqa: BLE001: all of them are told at once
            wrong[place] = f"{type(error).__name__}: {error}"
    assert not wrong, "\n".join(f"{place}: {error}" for place, error in wrong.items())


@pytest.mark.parametrize("sql, said", [
    ("select nothing from recordings", "nothing"),
    ("select 1 as one from recording", "no table recording"),
    ("select r.nothing from recordings r", "nothing"),
    ("select nothing from samples", "nothing"),
    ("select median(leads) as m from recordings", "median"),
    ("select array_has(warnings, 'x') as a from segments", "array_has"),
    ("select leads + 1 as more from recordings where more > 1", "more"),
    ("select leads + 1 as more from recordings group by more", "more"),
    ("select leads from recordings where", "Expected|Required|expression"),
    ("select unnest(warnings) as warning from segments", "unnest"),
    ("select leads from recordings; select 1", "expected one query"),
    ("describe segments", "expected one query"),
])
def test_what_is_wrong_is_told(schema, sql, said):
    with pytest.raises(Exception, match=said):
        trino.resolved(sql, schema)
