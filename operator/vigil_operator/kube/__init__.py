"""The edge to Kubernetes: watching through kopf, writing through one client."""
