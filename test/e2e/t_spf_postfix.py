#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""SPF on Postfix."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import senders

senders.main('postfix')
