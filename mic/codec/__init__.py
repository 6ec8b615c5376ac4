# SPDX-License-Identifier: MIT
"""The implementation of `mic.api` and `mic.files`: streams and arrays."""
