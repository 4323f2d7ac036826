"""The built-in samplers, found through entry points like anybody's."""
