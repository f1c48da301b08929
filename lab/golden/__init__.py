"""The golden vectors: how they are made, and how an interpreter or a C program is compared with them."""
