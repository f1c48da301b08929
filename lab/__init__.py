"""What measures, and what tests and measurements stand on: brokers, processes, emulators, simulated chips."""
