"""Twelve secrets, one for each way in, and a search for them through everything that a workbench
leaves behind.
"""

from __future__ import annotations

import base64
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import apsw

CANARIES = {
    "environment": "cn1-Env-7Qk2Zr9Lw4Xa",
    "settings": "cn2-Set-8Wd3Yt1Mv6Pb",
    "header": "sk-cn3-Hdr5Rf7Ug2Nc",
    "userinfo": "cn4-Usr-9Jh4Ke2Bx7Qd",
    "query": "cn5-Qry-3Lp8Vs5Tz1We",
    "cookie": "cn6-Cke-6Nq9Xo4Rm2Yf",
    "exception": "cn7-Exc-2Bt5Gi8Da7Ug",
    "subprocess": "cn8-Sub-4Fy1Hu6Sj9Zh",
    "dotenv": "cn9-Dot-5Cw7Pk3Lq8Mi",
    "base64": "cn10-B64-1Ex6Tn9Vb4Oj",
    "stream": "cn11-Str-8Ga2Ir5Yc7Dk",
    "page": "cn12-Pag-3Zl9Os6Wf1Hm",
}


def found_in(data: bytes) -> set[str]:
    """Returns the canaries that stand in bytes: as they are, in hex, or in base64 at any alignment;
    also packed ones, unpacked.
    """
    found = {
        name for name, value in CANARIES.items() if any(form in data for form in _forms(value))
    }
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for member in packed.namelist():
                found |= found_in(packed.read(member)) | found_in(member.encode())
    with suppress(zlib.error):
        if data[:1] == b"\x78":
            found |= found_in(zlib.decompress(data))
    return found


def _forms(value: str) -> Iterator[bytes]:
    raw = value.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield raw.decode().encode("utf-16-le")
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).decode()
        inner = whole[(0, 2, 3)[before] : -4]
        yield inner.encode()
        yield inner.translate(str.maketrans("+/", "-_")).encode()


def found_below(folder: Path) -> dict[str, set[str]]:
    """Returns the canaries in every file below a folder, in its name, and in every value of a
    database.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        held = found_in(path.read_bytes()) | found_in(os.fsencode(path.name))
        if path.suffix == ".db":
            held |= set().union(*map(found_in, _values(path)), set())
        if held:
            found[str(path.relative_to(folder))] = held
    return found


def _values(path: Path) -> Iterator[bytes]:
    """Yields every value of a database: blobs in it may be packed."""
    with closing(apsw.Connection(str(path))) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            if not re.fullmatch(r"\w+", table):
                continue
            with suppress(apsw.Error):  # a virtual table that cannot be read without its module
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    yield from (
                        value if isinstance(value, bytes) else str(value).encode() for value in row
                    )
