"""The application as a whole, on an emulated RISC-V: what a second of signal costs, and what it has memory for."""
