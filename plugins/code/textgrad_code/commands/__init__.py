"""The plugin's own commands: ``textgrad code ...``."""
