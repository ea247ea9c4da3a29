"""Checks that the tables of a file are those of a journal, and names in them well-formed.

Looked at before anything else of a file is read: it may come from somebody else, and texts in it
become parts of sentences, of JSON and of what a terminal shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Final

import apsw

from sentient_kernel.errors import JournalDamaged, JournalUnusable
from sentient_kernel.files.sqlite import Foreign, SchemaEntry, Tables, tables_made_by, tables_of
from sentient_kernel.journal.sqlite import schema
from sentient_kernel.journal.sqlite.schema import APPLICATION_ID

Migrations = tuple[Callable[[apsw.Connection], None], ...]

RUN: Final = re.compile(r"[0-9A-Za-z_.:-]{0,100}", re.ASCII)
"""What the id of a run consists of; that of the workbench itself is empty."""
KIND: Final = re.compile(r"[a-z_]{1,60}", re.ASCII)
"""What the name of a kind of event consists of."""

_FIRST: Final = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE kinds(code INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE runs(
    no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, first INTEGER NOT NULL,
    workflow TEXT, name TEXT, parent TEXT, session TEXT, user TEXT);
CREATE INDEX runs_by_name ON runs(name) WHERE name IS NOT NULL;
CREATE INDEX runs_by_parent ON runs(parent) WHERE parent IS NOT NULL;
CREATE TABLE events(
    seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, kind INTEGER NOT NULL, at INTEGER NOT NULL,
    chain BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE spans(key INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY(key, block)) WITHOUT \
ROWID;
CREATE TABLE keys(key TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE leases(
    run TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, beat INTEGER NOT NULL, ttl \
INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE gaps(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, at INTEGER NOT NULL, what TEXT \
NOT NULL);
CREATE VIEW readable AS
    SELECT e.seq, r.id AS run, datetime((b.value + e.at) / 1000000.0, 'unixepoch', 'subsec') AS at,
           k.name AS kind, CAST(e.body AS TEXT) AS body
    FROM events e JOIN runs r ON r.no = e.run JOIN kinds k ON k.code = e.kind JOIN meta b ON \
b.name = 'born';
"""
"""What made the tables of version 1: a file is known by the very words."""

_ODD: Final = """
SELECT 1 FROM (SELECT id AS name, 100 AS most, '*[^0-9A-Za-z_.:-]*' AS other FROM runs NOT INDEXED
               UNION ALL SELECT name, 60, '*[^a-z_]*' FROM kinds NOT INDEXED)
WHERE typeof(name) != 'text' OR octet_length(name) > most OR octet_length(name) != length(name)
   OR name GLOB other
UNION ALL
SELECT 1 FROM runs NOT INDEXED
WHERE typeof(first) != 'integer' OR typeof(workflow) NOT IN ('text', 'null')
   OR typeof(name) NOT IN ('text', 'null')
   OR typeof(session) NOT IN ('text', 'null') OR typeof(user) NOT IN ('text', 'null')
   OR (parent IS NOT NULL AND (typeof(parent) != 'text' OR octet_length(parent) > 100
       OR octet_length(parent) != length(parent)
       OR parent GLOB '*[^0-9A-Za-z_.:-]*'))
LIMIT 1"""
_META: Final = """
SELECT count(*) FROM meta WHERE (name = 'born' AND typeof(value) = 'integer'
   AND value BETWEEN 0 AND 253402300799000000)
   OR (name = 'id' AND typeof(value) = 'blob' AND length(value) = 8)"""
_FAR: Final = """
SELECT 1 FROM gaps WHERE typeof(first) != 'integer' OR typeof(last) != 'integer'
   OR typeof(what) != 'text' OR first < 1 OR last < first OR last >= 1 << 53 LIMIT 1"""
_ROWS_FAR: Final = (
    "SELECT 1 FROM (SELECT min(seq) AS low, max(seq) AS high FROM events) WHERE low < 1 OR high >="
    " 1 << 53"
)
_COMPUTES: Final = re.compile(r"\b(?:VIRTUAL|GENERATED|AS|CHECK|TRIGGER)\b", re.IGNORECASE)
_SAVED: Final = (
    "sentient_kernel.journal.repair(path, into) saves its events into a new file; from somebody"
    " else, ask for an exported run."
)


def check_ours(connection: apsw.Connection, path: Path) -> None:
    """Looks at a file before anything of it is read.

    Args:
        connection: One that is hardened.
        path: The file, for messages.

    Raises:
        JournalUnusable: It is a database of another program, or holds tables, views or triggers
            that are not ours.
        JournalDamaged: Names in it have a form that this program never writes.
        apsw.Error: SQLite cannot read it.
    """
    try:
        found = tables_of(connection)
        if found:
            _check_tables(
                found,
                int(connection.pragma("user_version")),
                int(connection.pragma("application_id")),
            )
            _check_names(connection, path)
    except Foreign as error:
        raise JournalUnusable(f"{path} {error}; nothing of it was read.", hint=_SAVED) from None
    except apsw.SQLError as error:  # its text holds names out of the file
        raise JournalUnusable(
            f"{path} holds tables that are not ours; nothing of it was read.", hint=_SAVED
        ) from error


def _check_tables(found: Tables, version: int, application: int) -> None:
    if application != APPLICATION_ID:
        raise Foreign("is a database of another program")
    if version > schema.VERSION:
        if not all(map(_plain, found)):
            raise Foreign("holds triggers, virtual tables or expressions, which no journal has")
    elif found not in known_tables(version, schema.CREATE, schema.MIGRATIONS):
        raise Foreign("holds tables, views or triggers that are not those of a journal")


def _plain(entry: SchemaEntry) -> bool:
    """Tells whether an entry of a later version's schema does nothing by itself; views are switched
    off.
    """
    return entry.type == "view" or (
        entry.type in ("table", "index") and not _COMPUTES.search(entry.sql or "")
    )


@cache
def known_tables(version: int, create: str, migrations: Migrations) -> tuple[Tables, ...]:
    """Returns the schemas that a journal of a version may have: made as such, or brought up from an
    earlier one.

    Args:
        version: The version.
        create: What makes the tables of today's.
        migrations: What brings a file from each version to the next.
    """
    made = {1: _FIRST, len(migrations) + 1: create}
    return tuple(
        tables_made_by(partial(_make, text, migrations[first - 1 : version - 1]))
        for first, text in made.items()
        if first <= version
    )


def _make(create: str, migrations: Migrations, connection: apsw.Connection) -> None:
    connection.execute(create).fetchall()
    for migrate in migrations:
        migrate(connection)


def _check_names(connection: apsw.Connection, path: Path) -> None:
    if connection.execute(_META).get != 2:
        raise JournalDamaged(
            f"{path} does not say when it was made, or by which id it is known.", hint=_SAVED
        )
    far = connection.execute(_FAR).get
    with suppress(apsw.CorruptError):  # rows that cannot be read are told of as such
        far = far or connection.execute(_ROWS_FAR).get
    if far is not None:
        raise JournalDamaged(
            f"{path} numbers its rows, or those that it lost, as this program never does.",
            hint=_SAVED,
        )
    if connection.execute(_ODD).get is not None:
        raise JournalDamaged(
            f"{path} names a run, or a kind of event, in a form that this program never writes.",
            hint=_SAVED,
        )
