from .device import PythonDevice as PythonDevice
from .execute import stands_in as stands_in
from .guard import (
    Begun as Begun,
    held_up as held_up,
    interruptible as interruptible,
    stop_main_thread as stop_main_thread,
)
