"""The operator's decisions: pure functions from observed to desired state. No kopf, no HTTP, no clock."""
