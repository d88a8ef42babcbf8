"""The process behind a child, as `launch` starts it."""

from llmos_nb.tools.devices.child.worker import main

main()
