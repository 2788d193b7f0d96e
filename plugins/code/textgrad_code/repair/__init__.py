"""Repair without a model: where the fault may be, and small edits of the syntax tree."""
