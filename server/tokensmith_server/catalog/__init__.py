"""What we sell: the price list with its routes, limits and lifecycle, as validated data.

It knows the rate types of ``billing.rates`` and nothing else of the server.
"""
