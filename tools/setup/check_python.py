# ruff: noqa: UP031, UP036 - an old Python must get as far as the message.
"""Say so in one line when Python is too old."""

import sys

if sys.version_info < (3, 11):
    found = "%d.%d" % sys.version_info[:2]
    sys.exit("error: python3 is %s, Vibnode needs 3.11 or newer; name one with make PYTHON=..." % found)
