"""Read cameras and alerts. Rows that a principal cannot access are not found."""
