# ruff: noqa: F821 - the functions are MicroPython's manifest language.
# Frozen into the firmware of an ESP32 board: the port's own start-up, asyncio, the application and its MQTT client.
freeze("$(PORT_DIR)/modules")
include("$(MPY_DIR)/extmod/asyncio")
package("vibnode", base_path="$(BOARD_DIR)/../../firmware")
module("main.py", base_path="$(BOARD_DIR)/../../firmware")
module("aiomqttc.py", base_path="$(BOARD_DIR)/../../build/frozen")
