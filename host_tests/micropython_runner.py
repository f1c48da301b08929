"""Runs tests of portable modules on MicroPython: ``micropython micropython_runner.py FOLDER MODULE:TEST[+]...``.

A portable module imports nothing but the application and what MicroPython has too. Its tests take no argument or,
marked here by ``+``, `tmp_path`: a folder of their own under FOLDER. pytest runs the same modules on CPython.
"""

import os
import sys


def run(folder: str, wanted: "list[str]") -> int:
    """Run the tests named in `wanted`; returns how many failed."""
    failed = 0
    for i, one in enumerate(wanted):
        module, _, test = one.rstrip("+").partition(":")
        arguments = []
        if one.endswith("+"):
            arguments.append(f"{folder}/{i}")
            os.mkdir(arguments[0])
        try:
            getattr(__import__(module), test)(*arguments)
            print("passed", one.rstrip("+"))
        except Exception as error:
            failed += 1
            print("FAILED", one.rstrip("+"))
            sys.print_exception(error)
    return failed


sys.exit(1 if run(sys.argv[1], sys.argv[2:]) else 0)
