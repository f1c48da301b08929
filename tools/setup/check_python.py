"""Say so in one line when Python is too old; written so that an old Python can run it."""

import sys

if sys.version_info < (3, 11):
    sys.exit("error: python3 is %d.%d, Vibnode needs 3.11 or newer (make PYTHON=python3.x)" % sys.version_info[:2])
