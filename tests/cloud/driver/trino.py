"""The SQL that people run in Athena, read as Trino and resolved against the tables: by sqlglot, not by the emulator's DuckDB.

sqlglot finds what cannot be parsed and what names no table or column. It takes any name for a function and does not check
types: the names are held against FUNCTIONS here, types and casts need Athena.
"""

import json
import re
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.tokens import TokenType

from .tables import TABLES

DIALECT = "trino"
# Functions of Trino that our SQL calls (https://trino.io/docs/current/functions.html). `median` and `array_has` are none.
FUNCTIONS = {
    "abs", "approx_percentile", "avg", "cast", "cardinality", "coalesce", "contains", "count", "floor", "max", "md5", "min", "row_number",
    "lag", "lead", "round", "rpad", "sequence", "slice", "stddev", "substr", "sum", "to_hex", "to_utf8", "unnest",
}
# Words that may stand before a bracket and are no function.
_KEYWORDS = {"in", "as", "over", "on", "and", "or", "not", "exists", "from", "where", "join", "by", "when", "then", "else", "select",
             "having", "using", "distinct", "filter", "values", "with", "array", "between", "case"}

# Each table: column by column, its type.
Schema = dict[str, dict[str, str]]


def tables(golden: Path) -> Schema:
    """The tables as `shared/tables` defines them: its golden files, which its own test holds against the definitions."""
    schema: Schema = {}
    for name in TABLES:
        columns = [line.split(" # ")[0].split(" | ") for line in (golden / f"{name}.columns").read_text().splitlines()]
        # Glue writes a list as array<float>, Trino as array(real).
        schema[name] = {column[0]: type_of(column[3]) for column in columns}
        partition = re.search(r"^partition (\w+) (\w+):", (golden / "tables.txt").read_text(), re.MULTILINE)
        schema[name][partition[1]] = type_of(partition[2])
    return schema


def resolved(sql: str | exp.Expression, schema: Schema) -> dict[str, str]:
    """The columns of the answer with their types. Fails where the text is no Trino, or names what is not there."""
    if isinstance(sql, str):
        _functions_are_known(sql)
        statements = sqlglot.parse(sql, read=DIALECT)
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise AssertionError(f"expected one query, found {[type(one).__name__ for one in statements]}")
        query = statements[0]
    else:
        _functions_are_known(sql.sql(dialect=DIALECT))
        query = sql
    for table in query.find_all(exp.Table):
        known = schema.keys() | {cte.alias for cte in query.find_all(exp.CTE)}
        if table.name not in known:
            raise AssertionError(f"no table {table.name}, only {sorted(known)}")
    in_from = [isinstance(one.parent, (exp.From, exp.Join)) for one in query.find_all(exp.Unnest)]
    if query.find(exp.Explode) or not all(in_from):
        raise AssertionError("unnest: Trino has it in FROM only")
    # Trino knows the names that a SELECT gives in ORDER BY only.
    qualified = qualify(query.copy(), dialect=DIALECT, schema=schema, expand_alias_refs=False, quote_identifiers=False)
    annotated = annotate_types(qualified, schema=schema, dialect=DIALECT)
    return {column.alias_or_name: column.type.sql(dialect=DIALECT).lower() if column.type else "unknown" for column in annotated.selects}


def texts(repository: Path, template: dict) -> dict[str, str]:
    """Every query that the documents, the scripts and the stack give to Athena, by where it stands."""
    found = {}
    for body in template["Resources"].values():
        if body["Type"] == "AWS::Athena::NamedQuery":
            found[f"saved query {body['Properties']['Name']}"] = body["Properties"]["QueryString"]
    for path in _documents(repository):
        place = path.relative_to(repository)
        for section in re.split(r"^#{2,3} ", path.read_text(), flags=re.MULTILINE):
            heading = section.splitlines()[0] if section else ""
            for number, sql in enumerate(_blocks(section), 1):
                found[f"{place}, {heading}, {number}"] = sql
            for sql in _inline(section):
                found[f"{place}, {heading}, {sql}"] = sql
    for path in sorted((repository / "infra").glob("*.sh")):
        for sql in re.findall(r'^\s*sql="(select .*)"$', path.read_text(), re.MULTILINE):
            # What the shell fills in stands between quotes.
            found[f"{path.relative_to(repository)}, {sql[:30]}"] = sql
    return found


def views(repository: Path) -> dict[str, str]:
    """Each view's query by its name, in the order in which the function `catalog` makes them."""
    text = (repository / "docs/tables.md").read_text().split("\n## Views\n")[1]
    return dict(re.findall(r"^### (\w+)\n.*?^```sql\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def _documents(repository: Path) -> list[Path]:
    return sorted(path for path in repository.rglob("*.md")
                  if not {"node_modules", "target", ".git"} & set(path.relative_to(repository).parts))


def _blocks(section: str) -> list[str]:
    """The blocks marked `sql`. Where one is marked `sql athena`, the one before it is for the local engine only."""
    blocks = re.findall(r"^```sql( athena)?\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [sql for index, (marked, sql) in enumerate(blocks)
            if marked or not (index + 1 < len(blocks) and blocks[index + 1][0])]


def _inline(section: str) -> list[str]:
    """`select …` in running text; of a row that compares two dialects only what stands under Athena."""
    found = []
    for line in section.splitlines():
        text = line.rsplit("|", 2)[1] if line.startswith("|") else line
        found += [sql for sql in re.findall(r"`(select [^`]+)`", text) if " from " in sql]
    return found


def _functions_are_known(sql: str):
    tokens = sqlglot.tokenize(sql, read=DIALECT)
    called = {before.text.lower() for before, bracket in zip(tokens, tokens[1:], strict=False)
              if bracket.token_type is TokenType.L_PAREN and before.text.isidentifier()
              and before.token_type is not TokenType.IDENTIFIER}
    # `u (warning)` names a table and its columns.
    aliases = {alias.name.lower() for one in sqlglot.parse(sql, read=DIALECT) for alias in one.find_all(exp.TableAlias)}
    unknown = called - FUNCTIONS - _KEYWORDS - aliases
    if unknown:
        raise AssertionError(f"not among the functions of Trino that are known here: {sorted(unknown)}")


def type_of(glue: str) -> str:
    """Glue's name of a type as Trino's."""
    names = {"string": "varchar", "float": "real", "int": "integer"}
    if match := re.fullmatch(r"array<(\w+)>", glue):
        return f"array({type_of(match[1])})"
    return names.get(glue, glue)
