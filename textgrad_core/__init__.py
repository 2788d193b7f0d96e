"""Optimisation by textual feedback: variables, losses that measure, and a search around them.

Importing this package does nothing but define names: each is loaded at first use.
"""

from __future__ import annotations
