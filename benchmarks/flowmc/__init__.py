"""`flow_mcmc` beside flowMC: one target, one layout, one family of flows."""
