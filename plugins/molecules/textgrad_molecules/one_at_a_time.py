"""RDKit one thread at a time.

Many of RDKit's functions put their own handler for Ctrl-C in place while they run, and put the
one they found back. In two threads that overlap, the second finds the handler of the first and
leaves it behind for good: the program is then deaf to Ctrl-C. RDKit's work here is
milliseconds, the docking is seconds, so a lock costs nothing.
"""

from __future__ import annotations

import threading

RDKIT = threading.RLock()
