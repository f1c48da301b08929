"""Commands to devices: asked for, signed, sent, answered."""
