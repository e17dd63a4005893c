"""Home Assistant by MQTT discovery: each camera becomes a device with its entities."""
