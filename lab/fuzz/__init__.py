"""The core on arbitrary bytes, by `make fuzz`: clang's libFuzzer with the address and undefined-behaviour sanitizers.

model.c tries bytes as model.bin, stream.c as a configuration, a FIFO format and samples; each says what must hold.
"""
