"""Looking at a program: the graph of its variables as a drawing."""
