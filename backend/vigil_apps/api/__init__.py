"""The REST endpoints of the apps beside `surveillance`: an edge above all of them."""
