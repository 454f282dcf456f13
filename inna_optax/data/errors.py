"""The error of missing and of bad data."""


class DataError(Exception):
    """Data are missing or not valid; the message is one line."""
