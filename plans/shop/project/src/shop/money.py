"""Amounts as the C library writes them, so that they follow the locale of the machine."""

from decimal import Decimal

from cffi import FFI

_ffi = FFI()
_ffi.cdef("ssize_t strfmon(char *text, size_t size, const char *format, ...);")
_libc = _ffi.dlopen(None)


def display(amount: Decimal) -> str:
    """Formats an amount with two decimals."""
    size = 64
    text = _ffi.new("char[]", size)
    # The call is variadic: libffi lays out its arguments at run time.
    written = _libc.strfmon(text, size, b"%.2n", _ffi.cast("double", amount))
    if written < 0:
        raise ValueError(f"{amount} is too long to display")
    return _ffi.string(text).decode()
