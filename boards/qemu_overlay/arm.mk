# For the Arm boards only.
LDFLAGS += -T $(OVERLAY_DIR)/no_unwinding.ld
