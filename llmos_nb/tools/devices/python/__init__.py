"""Python on the live namespace: run a step, stop it, capture what it prints, shows and raises."""

from llmos_nb.tools.devices.python.device import PythonDevice
from llmos_nb.tools.devices.python.guard import interruptible, stop_main_thread, tick

__all__ = ["PythonDevice", "interruptible", "stop_main_thread", "tick"]
