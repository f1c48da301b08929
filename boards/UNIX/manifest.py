# ruff: noqa: F821 - the functions are MicroPython's manifest language.
# What is frozen into the virtual sensor; VIBNODE_FIRMWARE and VIBNODE_FROZEN come from the Makefile.
include("$(MPY_DIR)/extmod/asyncio")
module("aiomqttc.py", base_path="$(VIBNODE_FROZEN)")
package("vibnode", base_path="$(VIBNODE_FIRMWARE)")
