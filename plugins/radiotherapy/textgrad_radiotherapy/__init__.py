"""Radiotherapy plans by textual feedback over an exact inner optimiser."""
