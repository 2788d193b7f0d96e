"""A result as one self-contained page, as a table and as JSON."""

from textgrad_core.domain import Section
from textgrad_core.report.files import json_text, result_csv, result_json, write_atomically
from textgrad_core.report.page import render_page, render_report

__all__ = [
    "Section",
    "json_text",
    "render_page",
    "render_report",
    "result_csv",
    "result_json",
    "write_atomically",
]
