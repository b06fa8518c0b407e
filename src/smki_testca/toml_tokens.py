"""The tokens of TOML, as one regular expression that takes time in proportion to the text."""

from __future__ import annotations

import re

# What follows an unclosed string is no matter: the parser stops there.
TOKEN = re.compile(
    r"""
      (?P<space>[ \t]++)
    | (?P<comment>\#[^\n]*+)
    | (?P<string>
        "{3}(?:[^"\\]++|\\.|"{1,2}(?!"))*+"{3,5}
      | '{3}(?:[^']++|'{1,2}(?!'))*+'{3,5}
      | "(?:[^"\\\n]++|\\[^\n])*+"
      | '[^'\n]*+'
      )
    | (?P<word>[^\s"'\#\[\]{}.,=]++)
    | (?P<dot>\.)
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<end>\n++|.)
    """,
    re.VERBOSE | re.DOTALL,
)
