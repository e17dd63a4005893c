"""Live pictures: from one detector to as many viewers as come, none of which waits for another."""
