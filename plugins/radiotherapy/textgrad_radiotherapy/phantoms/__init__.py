"""Analytic phantoms, generated in code."""
