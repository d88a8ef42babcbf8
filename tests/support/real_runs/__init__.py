"""Runs in real kernels: notebooks as data, what a kernel made of them, and whether their export is the same."""
