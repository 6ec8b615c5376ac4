# SPDX-License-Identifier: MIT
"""Streams and arrays: what the public calls of `mic.api` and `mic.files` are made of."""
