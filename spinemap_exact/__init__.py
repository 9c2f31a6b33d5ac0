"""Exact mapping of spiking neural networks onto crossbar hardware, with bounds that can be checked."""
