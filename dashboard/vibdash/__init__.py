"""vibdash: messages of Vibnode sensors from an MQTT broker into a database, and onto a page."""
