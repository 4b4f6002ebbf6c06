"""The chat-completions wire shape that OpenAI, xAI, Together and most self-hosted servers share.

Converters here are pure: no I/O and no logging. What differs between vendors is data, in
``profile.DialectProfile``.
"""
