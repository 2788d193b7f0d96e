"""Protocols: sets of clinical goals as data, each with its source.

The embedded ones are JSON files in this folder; a user's own may be JSON or TOML of the same form
(`protocol_from_data` says which).
"""

from textgrad_radiotherapy.protocols.loading import (
    load_protocol,
    protocol_data,
    protocol_from_data,
    protocol_names,
)

__all__ = ["load_protocol", "protocol_data", "protocol_from_data", "protocol_names"]
