"""Builders: from a camera, its class and the settings to the manifests of its detector. Golden files show them."""
