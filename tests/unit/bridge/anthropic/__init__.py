"""Tests of the Messages API's converters."""
