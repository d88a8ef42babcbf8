"""How a process is shown where it was started: a panel, a terminal, or a headless run."""
