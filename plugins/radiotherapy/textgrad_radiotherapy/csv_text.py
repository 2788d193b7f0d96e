"""Tables of a plan as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from textgrad_radiotherapy.notice import NOTICE


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV that carries the notice as the name of a last, empty column.

    It stands there because readers of CSV and spreadsheets then take the file as it is; a line of
    comment above the heads they would have to be told to skip.

    Args:
        heads: Names of the columns, with their units.
        rows: As many cells each.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*heads, NOTICE])
    writer.writerows([*cells, ""] for cells in rows)
    return out.getvalue()
