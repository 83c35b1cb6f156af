"""Fakes and drivers for tests, shipped with the package: nothing here is imported by what runs in production."""
