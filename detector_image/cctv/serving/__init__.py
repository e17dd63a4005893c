"""`cctv serve-model`: the models of many detectors in one process, over KServe's inference protocol."""
