"""Videos: what they are asked for with, and what that costs."""
