"""The ``textgrad`` command."""
