"""The one logger. It is silent until the program that uses the suite sets up logging."""

from __future__ import annotations

import logging

log = logger = logging.getLogger("textgrad_core")
log.addHandler(logging.NullHandler())
