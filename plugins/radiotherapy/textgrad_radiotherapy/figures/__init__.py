"""Figures as planning systems draw them."""

from textgrad_radiotherapy.figures.sections import report_sections

__all__ = ["report_sections"]
