"""Convert the configuration file of Frigate (0.12 to 0.18). Pure: text and variables in, a plan out."""

from vigil_transfer.frigate.convert import convert

__all__ = ["convert"]
