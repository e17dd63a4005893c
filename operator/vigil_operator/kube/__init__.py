"""Access to Kubernetes: watches through kopf, reads and writes through one client."""
