"""What bounds a child process on Linux: namespaces, landlock, seccomp, limits."""

from llmos_nb.tools.devices.child.sandbox import preview

__all__ = ["preview"]
