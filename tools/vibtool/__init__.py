"""The command `vibnode`: from a bare board on a USB cable to a sensor at work. Talks to boards as mpremote does."""
