"""What can be computed of a graph without running it: shapes, cost, signal, paths."""
