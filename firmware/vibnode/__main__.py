"""``micropython -m vibnode device.json``."""

import sys

from vibnode.main import main

sys.exit(main(sys.argv[1:]))
