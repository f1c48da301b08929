"""The real things that tests and measurements are put on: brokers, dashboards, databases, firmware, boards."""
