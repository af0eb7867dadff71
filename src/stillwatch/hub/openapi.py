"""placeholder"""

TEXT = b"{}"
