"""The voltage of a battery, through a divider at an analogue pin."""


class Battery:
    """Reads it when asked."""

    def __init__(self, battery: dict) -> None:
        """`battery`: that section of the configuration. Raises OSError where the board has no such pin."""
        self._ratio = battery["ratio"]
        try:
            from machine import ADC, Pin

            self._adc = ADC(Pin(battery["adc_pin"]), **_whole_range(ADC))
        except (ImportError, ValueError) as error:
            raise OSError(
                f"adc_pin {battery['adc_pin']}: this board does not measure there ({error})"
            ) from None

    def millivolts(self) -> int:
        """The battery's, not the pin's."""
        return round(self._adc.read_uv() * self._ratio / 1000)


def _whole_range(adc) -> dict:
    """On an ESP32 a pin measures up to 1 V unless told otherwise."""
    attenuation = getattr(adc, "ATTN_11DB", None)
    return {} if attenuation is None else {"atten": attenuation}


def open_battery(battery: "dict | None") -> "Battery | None":
    """The one configured, None where there is none, or none can be measured, which is said."""
    if battery is None:
        return None
    try:
        return Battery(battery)
    except OSError as error:
        print("vibnode: battery:", error)
        return None
