"""What Vigil's backend is compared with: a plain `ModelViewSet` with an `ImageField`."""
