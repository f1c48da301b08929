"""The command `vibtrain`."""
