"""A board's program: the sensor that device.json says it is."""

from vibnode import flash, main

if flash.exists("device.json"):
    main.boot("device.json")
else:
    print("vibnode: not provisioned; on the computer: vibnode provision SITE.toml DEVICE")
