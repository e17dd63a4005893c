"""The edge to Vigil's API: which cameras are to be watched."""
