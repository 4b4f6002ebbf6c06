"""Anthropic's Messages API. The converters are pure; ``provider.py`` sends.

``profile.py`` has the fate of every parameter, ``conversation.py`` the order that messages are put
into, ``memory.py`` how signed thinking finds its way back. Wire facts are from Anthropic's API
reference and its Python SDK's generated types, version 2023-06-01 of the API.
"""
