"""Generated from ``protos/tokensmith/v1`` by ``generate.py``. Do not edit."""
