"""In which encoding a Python file is written, as Python itself finds it."""

from __future__ import annotations

import codecs
import re
import tokenize

_LINE_END = re.compile(rb"\r\n|\r|\n")


def declared_encoding(data: bytes) -> str:
    """The encoding of a Python file by its mark or its first two lines (PEP 263); else UTF-8.

    Raises:
        SyntaxError: If it is unknown, or mark and declaration differ.
    """
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    lines = _LINE_END.split(data.removeprefix(mark), maxsplit=2)[:2]
    # `tokenize` knows "\n" alone as a line end, and takes no first line that is not UTF-8
    told = [re.sub(rb"[\x80-\xff]", b"?", line) + b"\n" for line in lines]
    encoding, _ = tokenize.detect_encoding(iter([mark + told[0], *told[1:]]).__next__)
    return encoding
