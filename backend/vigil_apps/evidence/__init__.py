"""Cases, their exports, and the keys that sign them."""
