"""Where rows live: tables, engines, the group-commit writer and the stores.

Only ``app.py`` and the command line import this package; everybody else knows the Protocols in
``billing.store``.
"""
