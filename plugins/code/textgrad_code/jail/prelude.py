"""The names a LeetCode program finds without importing anything."""

from __future__ import annotations

import builtins
import sys
from typing import Any

from textgrad_code.jail.node_classes import ListNode, TreeNode

# The built-ins come last: math and operator have a ``pow`` of two arguments, re a ``compile``.
SOURCE = """
from typing import *
from string import *
from re import *
from collections import *
from heapq import *
from bisect import *
from copy import *
from random import *
from statistics import *
from itertools import *
from functools import *
from operator import *
from math import *
import bisect, collections, copy, datetime, functools, heapq, io, itertools, json, math, operator
import random, re, statistics, string, sys, typing
from datetime import date, timedelta
from io import StringIO
from json import dumps, loads
from sys import maxsize, setrecursionlimit
from builtins import *
"""
SORTED = ("SortedList", "SortedDict", "SortedSet", "SortedKeyList")


def _names() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(SOURCE, "<prelude>", "exec", dont_inherit=True), names)  # our own text
    for name in ("__builtins__", "__annotations__"):
        names.pop(name, None)
    return names


NAMES = _names()


def prelude() -> dict[str, Any]:
    """A fresh namespace, with the sorted containers if they were loaded beforehand."""
    names = dict(NAMES)
    names.update(__builtins__=builtins, ListNode=ListNode, TreeNode=TreeNode)
    containers = sys.modules.get("sortedcontainers")
    if containers is not None:
        names["sortedcontainers"] = containers
        names.update((name, getattr(containers, name)) for name in SORTED)
    return names
