"""Import the cameras of other systems, and export and restore one's own, through the REST API."""
