"""Velocity limits from day 0: what ISO 20816-3 and VDI 3834-1 state for a kind of machine.

All are the largest RMS velocity at one measuring point, of 10 to 1000 Hz if nothing else is said, in mm/s: [boundary
of zones B and C, of C and D]. C is not fit for long operation: a warning. D damages the machine: an alarm.

ISO 20816-3, industrial machines of 120 to 15,000 r/min: group 1 is over 300 kW or a shaft height of 315 mm and more,
group 2 is 15 to 300 kW or 160 to 315 mm; a support is flexible where its lowest natural frequency in the direction of
measurement is less than 25 % over the frequency of rotation. VDI 3834-1, wind turbines with gearbox: nacelle and tower
are judged from 0.1 to 10 Hz, with the core's slow windows, and by an acceleration too, of 0.3 and 0.5 m/s^2, which
slow_velocity counts as velocity. VDI 3834-1 judges the energy-equivalent mean
of 10 minutes for what the wind moves, of one for gearbox and generator; the rotor bearing is taken with the first. ISO
20816-3 wants steady operation and states no time: a minute is taken.

Not checked against the standards' own text, but against what is published of them: all the values here.
"""

CLASSES = {
    "iso20816-3-group1-rigid": (4.5, 7.1),
    "iso20816-3-group1-flexible": (7.1, 11.0),
    "iso20816-3-group2-rigid": (2.8, 4.5),
    "iso20816-3-group2-flexible": (4.5, 7.1),
    "vdi3834-1-nacelle": (60.0, 100.0),
    "vdi3834-1-tower": (60.0, 100.0),
    "vdi3834-1-rotor-bearing": (2.0, 3.2),
    "vdi3834-1-gearbox": (3.5, 5.6),
    "vdi3834-1-generator": (6.0, 10.0),
}
SLOW = ("vdi3834-1-nacelle", "vdi3834-1-tower")  # judged from 0.1 to 10 Hz
AVERAGING_S = {"vdi3834-1-rotor-bearing": 600, "vdi3834-1-nacelle": 600, "vdi3834-1-tower": 600}
USUAL_AVERAGING_S = 60


def averaging_s(component_class: "str | None") -> int:
    """The seconds over which the standard of that class takes the energy-equivalent mean of the velocity."""
    return AVERAGING_S.get(component_class or "", USUAL_AVERAGING_S)
