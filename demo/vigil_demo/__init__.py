"""The demo: a rendered yard, a camera that streams it over RTSP, and the training of a model for it."""
