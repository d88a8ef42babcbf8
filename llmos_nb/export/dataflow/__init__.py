"""What code reads and writes, which steps a result needs, and how labels flow through it."""
