"""Write cameras, alerts and related rows. Functions take keyword arguments; one that raises changes nothing."""
