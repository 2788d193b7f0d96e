"""Run a notebook's cells in order and keep what they show, without a notebook server.

    python tools/run_notebook.py examples/radiotherapy_plan.ipynb

Printed text, and of the last expression of a cell its text, HTML or figure (PNG, small), are
stored. A cell that raises ends the run and nothing is written.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import sys
from code import InteractiveInterpreter
from pathlib import Path
from typing import Any

DPI = 60


class Cells(InteractiveInterpreter):
    """An interpreter that stops at the first error and keeps what cells show."""

    def showtraceback(self) -> None:
        """An error ends the run."""
        raise sys.exception() or AssertionError("no error to show")

    def run(self, source: str) -> list[dict[str, Any]]:
        """The outputs of one cell, as the notebook format has them but for the count."""
        body = ast.parse(source).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        printed = io.StringIO()
        shown: list[Any] = []
        sys.displayhook = shown.append
        with contextlib.redirect_stdout(printed):
            self.runcode(compile(ast.Module(body, []), "<cell>", "exec"))
            if last is not None:
                self.runcode(compile(ast.Interactive([last]), "<cell>", "single"))
        outputs: list[dict[str, Any]] = []
        if printed.getvalue():
            text = printed.getvalue().splitlines(keepends=True)
            outputs.append({"name": "stdout", "output_type": "stream", "text": text})
        for value in shown:
            if value is not None:
                made = {"data": mime(value), "metadata": {}, "output_type": "execute_result"}
                outputs.append(made)
        return outputs


def mime(value: Any) -> dict[str, Any]:
    """A value as a notebook shows it."""
    if hasattr(value, "savefig"):
        drawn = io.BytesIO()
        value.savefig(drawn, dpi=DPI, metadata={"Software": None})
        picture = base64.b64encode(drawn.getvalue()).decode("ascii")
        return {"image/png": picture, "text/plain": ["<Figure>"]}
    if hasattr(value, "_repr_html_"):
        name = type(value).__name__
        return {"text/html": value._repr_html_().splitlines(True), "text/plain": [f"<{name}>"]}
    return {"text/plain": repr(value).splitlines(keepends=True)}


def main(path: Path) -> None:
    """Fill one notebook."""
    notebook = json.loads(path.read_text("utf-8"))
    cells, count = Cells(), 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        count += 1
        outputs = cells.run("".join(cell["source"]))
        for output in outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
        cell["execution_count"], cell["outputs"] = count, outputs
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
