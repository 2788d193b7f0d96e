"""Judge and improve programs: a sandboxed judge as a textual loss."""
