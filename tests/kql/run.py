#!/usr/bin/env python3
"""Run KQL over the log tables of a folder.

Standard input is one JSON object: `folder`, `tables` (for each table its file and its columns with
their types in Log Analytics) and `queries` (text by name). Standard output is the rows of each
query, as objects whose times are texts.
"""

import json
import sys
from pathlib import Path

import duckdb_kql

TYPES = {"datetime": "TIMESTAMP_NS", "string": "VARCHAR", "int": "BIGINT"}


def load(connection, name, folder, table):
    """Make the table and put every line of its file into it."""
    columns = ", ".join(f'"{column}" {TYPES[kind]}' for column, kind in table["columns"])
    connection.sql(f'CREATE TABLE "{name}" ({columns})')
    names = [column for column, _ in table["columns"]]
    rows = []
    for line in (folder / table["file"]).read_text().splitlines():
        row = json.loads(line)
        unknown = set(row) - set(names)
        if unknown:
            raise SystemExit(f"{table['file']}: columns that the table does not have: {unknown}")
        rows.append([row.get(column) for column in names])
    if rows:
        marks = ", ".join("?" for _ in names)
        connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)


def answer(connection, text):
    found = duckdb_kql.query(connection, text)
    return [dict(zip(found.columns, row)) for row in found.fetchall()]


def main():
    asked = json.load(sys.stdin)
    connection = duckdb_kql.connect()
    for name, table in asked["tables"].items():
        load(connection, name, Path(asked["folder"]), table)
    answers = {name: answer(connection, text) for name, text in asked["queries"].items()}
    json.dump(answers, sys.stdout, default=lambda time: time.isoformat(timespec="microseconds"))


main()
