# SPDX-License-Identifier: MIT
"""Image files as arrays, and arrays as image files."""
