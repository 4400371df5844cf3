"""Where models are touched: the VLM, its processor, its anatomy."""

from .anatomy import Anatomy, find_anatomy
from .loading import MINIS, load_vlm
from .vlm import VLM

__all__ = ["MINIS", "VLM", "Anatomy", "find_anatomy", "load_vlm"]
