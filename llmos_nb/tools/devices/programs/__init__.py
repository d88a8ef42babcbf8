"""Programs of the operating system: the terminal, git, and test runs."""
