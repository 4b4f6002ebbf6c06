"""What holds for every test."""

from hypothesis import settings

# How long an example takes says more of the machine than of the code. What hangs is ended by
# pytest-timeout.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
