"""Databases that somebody has crafted: what is in them shows a text of theirs, or runs what they
wrote, where it is believed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw

SHOWN = "CRAFTED-TEXT"
"""Stands in every text of theirs: none of it may ever be shown."""
RAN = "crafted_ran"
"""The name of a table that code of theirs would write to, and of a function that it would call."""

Craft = Callable[[apsw.Connection], None]


def sql(*statements: str) -> Craft:
    """Returns what runs statements."""
    return lambda db: [db.execute(statement).fetchall() for statement in statements] and None


def schema(change: str, *values: str) -> Craft:
    """Returns what changes SQLite's own table of tables."""

    def craft(db: apsw.Connection) -> None:
        db.execute("PRAGMA writable_schema=ON").fetchall()
        db.execute(change, values).fetchall()
        version = db.pragma("schema_version")
        db.execute(f"PRAGMA schema_version={version + 1}").fetchall()

    return craft


def altered(table: str, old: str, new: str) -> Craft:
    """Returns what changes the text of one table."""
    return schema(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?", old, new, table
    )


def crafted(table: str, column: str, key: str) -> dict[str, Craft]:
    """Returns what crafts a database of ours that has such a table and column.

    Args:
        table: A table of ours, with an INTEGER PRIMARY KEY.
        column: A column of it that holds texts or bytes.
        key: Its primary key.
    """
    loud = f"SELECT '{SHOWN}'"
    extra = f"CREATE TABLE {RAN} (x)"
    ran = f"INSERT INTO {RAN} VALUES (1)"
    return {
        "a trigger on insert": sql(
            extra, f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN {ran}; END"
        ),
        "a trigger before insert": sql(
            extra, f"CREATE TRIGGER t BEFORE INSERT ON {table} BEGIN {ran}; END"
        ),
        "a trigger on update": sql(
            extra, f"CREATE TRIGGER t AFTER UPDATE ON {table} BEGIN {ran}; END"
        ),
        "a trigger on delete": sql(
            extra, f"CREATE TRIGGER t AFTER DELETE ON {table} BEGIN {ran}; END"
        ),
        "a trigger alone": sql(
            f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN SELECT raise(ABORT, '{SHOWN}'); END"
        ),
        "a trigger of a long name": sql(
            f'CREATE TRIGGER "{SHOWN * 1000}" AFTER INSERT ON {table} BEGIN SELECT 1; END'
        ),
        "a view": sql(f"CREATE VIEW v AS {loud} AS x"),
        "a view on a trigger": sql(
            f"CREATE VIEW v AS {loud} AS x",
            f"CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN {loud}; END",
        ),
        "a view that calls": sql("CREATE VIEW v AS SELECT load_extension('/tmp/x.so')"),
        "a view instead of a table": sql(
            f"ALTER TABLE {table} RENAME TO old", f"CREATE VIEW {table} AS SELECT * FROM old"
        ),
        "a table more": sql(f"CREATE TABLE more (x TEXT DEFAULT '{SHOWN}')"),
        "a table of an odd name": sql(f'CREATE TABLE "../../{SHOWN}" (x)'),
        "a table whose name moves the cursor": sql(f'CREATE TABLE "\x1b[2J{SHOWN}" (x)'),
        "many tables": sql(*(f"CREATE TABLE more_{n} (x)" for n in range(300))),
        "a table with a name in it twice": schema(
            "INSERT INTO sqlite_schema SELECT type, name, tbl_name, rootpage, sql FROM"
            " sqlite_schema WHERE name = ?",
            table,
        ),
        "an index more": sql(f"CREATE INDEX i ON {table} ({column})"),
        "an index on an expression": sql(f"CREATE INDEX i ON {table} (length({column}))"),
        "an index on some rows": sql(
            f"CREATE INDEX i ON {table} ({column}) WHERE length({column}) > 0"
        ),
        "a unique index": sql(f"CREATE UNIQUE INDEX i ON {table} ({key})"),
        "a column more": sql(f"ALTER TABLE {table} ADD COLUMN more TEXT DEFAULT '{SHOWN}'"),
        "a column that is computed": sql(
            f"ALTER TABLE {table} ADD COLUMN more TEXT AS ('{SHOWN}')"
        ),
        "a column that is computed from a function": sql(
            f"ALTER TABLE {table} ADD COLUMN more AS (hex(zeroblob(length({column}))))"
        ),
        "a column of another name": sql(f"ALTER TABLE {table} RENAME COLUMN {column} TO more"),
        "a column less": sql(f"CREATE TABLE copy AS SELECT {key} FROM {table}"),
        "a check": altered(table, f"{column} ", f"{column} CHECK ({column} != '{SHOWN}') "),
        "a default": altered(table, f"{column} ", f"{column} DEFAULT '{SHOWN}' "),
        "a collation": altered(table, f"{column} ", f"{column} COLLATE {RAN} "),
        "a comment": altered(table, "CREATE TABLE", f"CREATE /* {SHOWN} */ TABLE"),
        "a table that cannot be parsed": schema(
            "UPDATE sqlite_schema SET sql = ? WHERE name = ?", f"CREATE {SHOWN}", table
        ),
        "a text of a megabyte": schema(
            f"UPDATE sqlite_schema SET sql = sql || ? WHERE name = '{table}'",
            f"-- {SHOWN}" + "x" * 1_000_000,
        ),
        "a root elsewhere": schema("UPDATE sqlite_schema SET rootpage = 1 WHERE name = ?", table),
        "a table that is no table": schema(
            "UPDATE sqlite_schema SET type = ? WHERE name = ?", "view", table
        ),
        "a full-text table": sql(
            "CREATE VIRTUAL TABLE f USING fts5 (x)", f"INSERT INTO f VALUES ('{SHOWN}')"
        ),
        "a full-text table over ours": sql(
            f"CREATE VIRTUAL TABLE f USING fts5 (x, content='{table}')"
        ),
        "an r-tree": sql("CREATE VIRTUAL TABLE r USING rtree (id, a, b)"),
        "a table of pages": sql("CREATE VIRTUAL TABLE s USING dbstat"),
        "a virtual table of no module": schema(
            "INSERT INTO sqlite_schema VALUES ('table', 'm', 'm', 0, ?)",
            f"CREATE VIRTUAL TABLE m USING {RAN} ('{SHOWN}')",
        ),
        "a temporary trigger in the file": schema(
            "INSERT INTO sqlite_schema VALUES ('trigger', 't', ?, 0, ?)",
            table,
            f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN {loud}; END",
        ),
        "statistics": sql(f"CREATE TABLE {RAN} (x)", "ANALYZE"),
        "counted rows": sql("CREATE TABLE counted (x INTEGER PRIMARY KEY AUTOINCREMENT)"),
    }


def craft(path: Path, how: Craft) -> None:
    """Changes a database behind its back."""
    db = apsw.Connection(str(path))
    db.create_scalar_function(RAN, lambda *args: None)
    db.create_collation(RAN, lambda a, b: (a > b) - (a < b))
    try:
        how(db)
    finally:
        db.close()
