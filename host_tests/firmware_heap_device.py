"""The application with its heap watched, for test_firmware_application.py: ``firmware_heap_device.py DEVICE_JSON``.

Prints ``heap WINDOWS BYTES`` every 10,000 windows, after a collection, until 100,000.
"""

import gc
import sys

from vibnode import main, node

take_window = node.Node.window


def watched(self, features):
    """Node.window, and now and then the bytes in use."""
    if self.windows % 10_000 == 1000:
        gc.collect()
        print("heap", self.windows, gc.mem_alloc())
    return take_window(self, features)


node.Node.window = watched
sys.exit(main.main(["--windows", "100000", sys.argv[1]]))
