"""Published sets of problems and programs, read from files the user has or fetches."""
