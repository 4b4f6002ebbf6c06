"""The gateway end to end: whole systems side by side, under load, against a fast upstream."""
