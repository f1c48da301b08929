"""Ten thousand alerts through two hundred faults, into a real database: is one lost, invented, or stored twice?"""
