"""Google's Gemini API (Developer API, v1beta): ``generateContent``, whole and streamed.

Converters here are pure: no I/O and no logging; ``provider.py`` does the HTTP. ``check.py`` has the
table of every parameter's fate. Facts about the wire come from Google's API reference and the
``google-genai`` SDK's own converters for the Developer API.
"""
