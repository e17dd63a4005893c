"""ONVIF: the profiles, events and controls of a camera, by SOAP over HTTP.

`soap`, `device_messages`, `notifications`, `dialects` and `event_states` do no input or output. `client` connects, to
checked addresses only.
"""
