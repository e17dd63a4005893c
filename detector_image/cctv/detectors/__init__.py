"""Object detection behind one interface (`model`), one file per runtime."""
