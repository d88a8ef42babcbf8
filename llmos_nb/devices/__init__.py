"""Devices: what a process can act on, each as tools."""
