# The virtual sensor: MicroPython's unix port with the application frozen in.
PROG = micropython
FROZEN_MANIFEST ?= $(VARIANT_DIR)/manifest.py

# What the application does not use, and what it would need from the system.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0

# TLS as on a real sensor.
MICROPY_PY_SSL = 1
MICROPY_SSL_MBEDTLS = 1
