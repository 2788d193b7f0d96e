"""``python -m textgrad_core`` is the ``textgrad`` command."""

from textgrad_core.cli import main

raise SystemExit(main())
