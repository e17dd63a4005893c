"""The operator's decisions: pure functions from what was observed to what is wanted. No kopf, no HTTP, no clock."""
