from .device import PythonDevice as PythonDevice
from .guard import Begun as Begun, interruptible as interruptible, stop_main_thread as stop_main_thread
