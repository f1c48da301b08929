"""The fleet for other systems that speak MQTT."""
