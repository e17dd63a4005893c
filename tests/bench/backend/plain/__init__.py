"""The baseline for Vigil's backend: a plain `ModelViewSet` with an `ImageField`."""
