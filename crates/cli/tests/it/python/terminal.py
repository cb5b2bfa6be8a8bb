"""Types a line at a terminal of its own: terminal.py SECONDS PROMPT LINE PROGRAM WORD...

Waits for PROMPT, and then until the terminal does not show what is typed, SECONDS at most; types
LINE, prints all that the terminal showed, and ends as PROGRAM does.
"""

import os
import pty
import sys
import termios
import time

seconds, prompt, line, *words = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    os.execv(words[0], words)


def shown():
    """What comes next; nothing at the end, which Linux tells by an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


seen = b""
while prompt.encode() not in seen:
    piece = shown()
    if not piece:
        sys.exit(f"no prompt in {seen!r}")
    seen += piece
until = time.monotonic() + float(seconds)
while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < until:
    os.sched_yield()
os.write(terminal, line.encode() + b"\n")
while piece := shown():
    seen += piece
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
