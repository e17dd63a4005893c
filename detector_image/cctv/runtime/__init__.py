"""The detector as a program: which cameras to analyse, detector tasks from the API, and the status endpoints."""
