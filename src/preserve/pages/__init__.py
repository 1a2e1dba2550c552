"""Responses read as pages: bytes in, a `Page` out. Pure, bounded, and never raising for what a page holds."""
