"""``.env`` files: that of the user counts whole, that of the folder one stands in only as far as it
can do no harm.

A cloned repository brings its own ``.env``. One line of it could send a real key to another host,
so addresses, models, hosts, approvals, stores and keys in it are ignored until the user has looked
at it and said that it is theirs (``sentient-kernel trust``). The same holds for the variables of
model providers (``*_API_KEY``, ``*_BASE_URL``), which have no prefix of ours.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from sentient_kernel.errors import ConfigurationError
from sentient_kernel.files.regular import read_regular
from sentient_kernel.installation import NAME, config_folder, trusts_file

MOST_BYTES = 65_536
"""Bytes that such a file may have."""
_PROVIDERS = re.compile(r"(?!SENTIENT_)[A-Z][A-Z0-9_]{0,60}_(?:API_KEY|BASE_URL)")
_lent: dict[str, str] = {}
USERS = f"~/.config/{NAME}/.env"
"""How people are told of the user's own file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvFile:
    """What such a file sets.

    Args:
        path: Where it is; None where there is none.
        data: Its bytes.
        values: What it sets, by names in capitals.
        problem: Why it was not read, in one sentence.
    """

    path: Path | None = None
    data: bytes = field(default=b"", repr=False)
    values: dict[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""

    @property
    def trusted(self) -> bool:
        """Whether the user has said that it is theirs, with exactly this content."""
        return self.path is not None and trusts_file(self.path, self.data)

    @property
    def providers(self) -> dict[str, str]:
        """Keys and addresses of model providers, such as ``OPENAI_API_KEY`` and
        ``OPENAI_BASE_URL``."""
        return {
            name: value
            for name, value in self.values.items()
            if value and _PROVIDERS.fullmatch(name)
        }


def lend_providers() -> None:
    """Puts keys and addresses of model providers that the files set into the environment, where
    nothing is set.

    The libraries that speak to a provider look there. The user's own file comes first, then a
    project's that is trusted. What an earlier call put there and no file sets any more is taken out
    again.
    """
    project = project_file()
    found = {**(project.providers if project.trusted else {}), **user_file().providers}
    for name, value in list(_lent.items()):
        if found.get(name) != value:
            del _lent[name]
            if os.environ.get(name) == value:
                del os.environ[name]
    for name, value in found.items():
        if name not in os.environ:
            os.environ[name] = _lent[name] = value


def user_file() -> EnvFile:
    """Returns what the user's own file sets.

    Raises:
        ConfigurationError: It is there and cannot be read.
    """
    folder = config_folder()
    found = read(folder / ".env", follow=True) if folder is not None else EnvFile()
    if found.problem:
        raise ConfigurationError(found.problem, hint="Mend it, or take it away.")
    return found


def project_file(folder: Path | None = None) -> EnvFile:
    """Returns what the file of a folder sets, by default of the one that the process stands in;
    what cannot be read sets nothing."""
    try:
        return read((folder or Path.cwd()) / ".env", follow=False)
    except OSError:  # the folder that the process stands in is gone
        return EnvFile()


def read(path: Path, *, follow: bool) -> EnvFile:
    """Reads a file.

    Args:
        path: Where it is.
        follow: Whether it may be a symbolic link.
    """
    try:
        data = read_regular(Path(os.path.realpath(path)) if follow else path, MOST_BYTES)
        text = data.decode("utf-8")
    except FileNotFoundError:
        return EnvFile()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        shown = path if follow else path.name
        return EnvFile(path=path, problem=f"{shown} was not read: {why[:1].lower()}{why[1:]}.")
    # by itself: the rest would put other variables into values, and log each odd line
    from dotenv.parser import parse_stream

    pairs = [(found.key, found.value) for found in parse_stream(StringIO(text))]
    return EnvFile(
        path=path,
        data=data,
        values={name.upper(): value for name, value in pairs if name and value is not None},
    )
