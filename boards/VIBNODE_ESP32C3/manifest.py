# ruff: noqa: F821 - the functions are MicroPython's manifest language.
include("$(BOARD_DIR)/../esp32_shared/manifest.py")
