"""The plugin's own commands: ``textgrad radiotherapy ...``."""
