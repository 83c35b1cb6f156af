"""The SQL of effects.

endpoints  webhook_endpoints
effects    effects and their deliveries: taken by lease, settled, listed
"""
