"""What Home Assistant is told: pure functions without database or network."""
