"""Training of the demo model: data set, fitting, export, evaluation, model card."""
