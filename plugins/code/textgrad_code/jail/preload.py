"""Modules that programs use, loaded before the jail is closed: extensions cannot be after it."""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from textgrad_code.jail.loops import load_asyncio

_NAMES = """
    __future__ abc argparse array ast base64 binascii bisect builtins calendar cmath codecs
    collections collections.abc concurrent.futures.thread contextlib contextvars copy csv
    ctypes dataclasses datetime decimal difflib enum errno fileinput fractions functools gc
    getpass graphlib hashlib heapq hmac html inspect io ipaddress itertools json keyword
    linecache locale logging math mmap numbers operator pickle platform pprint queue random re
    reprlib resource secrets select shutil signal socket statistics string stringprep struct
    subprocess sys tempfile textwrap threading time timeit token tokenize traceback types
    typing unicodedata unittest urllib.parse uuid warnings weakref zlib
    encodings.ascii encodings.latin_1 encodings.utf_16 encodings.utf_32 encodings.cp1252
    encodings.hex_codec encodings.idna encodings.raw_unicode_escape encodings.unicode_escape
    _strptime _bisect _heapq _json _pickle _random _struct _csv _statistics _zoneinfo
"""
MODULES = tuple(_NAMES.split())

# Data of installed packages may hold the answers of benchmarks; tests of Python are bulk.
HIDDEN = ("site-packages", "dist-packages", "test")


def standard_library() -> Path:
    """The folder of the standard library, real path."""
    return Path(os.__file__).resolve().parent


def load_modules() -> None:
    """Import what is there of `MODULES`; builds of Python differ in the optional ones."""
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    load_asyncio()


def load_packages(packages: Iterable[tuple[str, str]]) -> list[str]:
    """Import allowed packages from the folders they were found in.

    Args:
        packages: Pairs of import name and the folder that holds it.

    Returns:
        The names that could be imported.
    """
    loaded = []
    for name, folder in packages:
        sys.path.append(folder)
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        finally:
            sys.path.remove(folder)
        loaded.append(name)
    return loaded


def import_from(library: Path | None) -> None:
    """From now on, look for modules in the library only; nowhere if it is None.

    The library is listed now, while that is allowed: Landlock cannot let a program list a
    folder without listing all below it.
    """
    sys.path[:] = [] if library is None else [str(library)]
    sys.path_importer_cache.clear()
    importlib.machinery.PathFinder.find_spec("no module of this name")
    sys.meta_path.append(_NotAtHand(files=library is not None))


class _NotAtHand:
    """A finder, asked last: says why a module of the library cannot be imported here."""

    def __init__(self, *, files: bool) -> None:
        self.why = (
            "extension modules cannot be loaded once the sandbox is closed"
            if files
            else "this sandbox opens no files, so only modules loaded beforehand are at hand"
        )

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname.partition(".")[0] in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"No module named {fullname!r} ({self.why})", name=fullname)
