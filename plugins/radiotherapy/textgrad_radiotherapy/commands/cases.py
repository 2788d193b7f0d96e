"""``textgrad radiotherapy cases``: what can be planned without any file."""

from __future__ import annotations

import json
import textwrap
from argparse import Namespace

from textgrad_core.cli.exits import OK
from textgrad_radiotherapy.cases import case_names

WIDTH = 80


def run(given: Namespace) -> int:
    """List the cases."""
    found = case_names()
    if given.json:
        print(json.dumps(dict(found), ensure_ascii=False))
        return OK
    width = max(map(len, found))
    for name, text in found.items():
        indent = " " * (width + 2)
        print(
            "\n".join(textwrap.wrap(f"{name:<{width}}  {text}", WIDTH, subsequent_indent=indent))
        )
    return OK
