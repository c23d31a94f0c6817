"""Run one command and say what it cost: `python -I -S weigh.py FD COMMAND...`.

A process of its own, and a small one: the kernel counts the peak memory of a child from the
moment of the fork, so a large parent would be weighed with each of its children. Writes
status, seconds, the kernel's `ru_maxrss` and the seconds that the cores were used (by what the
command started, too) as one line to the file descriptor.

Run by path, without the site packages; imports nothing but the standard library.
"""

import os
import sys
import time


def main() -> None:
    """See the module."""
    answer, command = int(sys.argv[1]), sys.argv[2:]
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        try:
            os.close(answer)
            os.execv(command[0], command)  # noqa: S606  # no shell is the point
        finally:
            os._exit(127)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    used = usage.ru_utime + usage.ru_stime
    line = f"{os.waitstatus_to_exitcode(status)} {seconds} {usage.ru_maxrss} {used}"
    os.write(answer, line.encode())


if __name__ == "__main__":
    main()
