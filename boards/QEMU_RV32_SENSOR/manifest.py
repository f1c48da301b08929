# ruff: noqa: F821 - the functions are MicroPython's manifest language.
# What is frozen into an ESP32's firmware but for the port's own start-up.
include("$(MPY_DIR)/extmod/asyncio")
module("aiomqttc.py", base_path="$(VIBNODE_FROZEN)")
package("vibnode", base_path="$(VIBNODE_FIRMWARE)")
